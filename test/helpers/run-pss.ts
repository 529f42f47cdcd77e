import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from './shared-folder.ts';

/** What a finished `pss` left behind. */
export interface PssResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line from its TypeScript sources, as a person would run it, and waits for its end. */
export function runPss(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
): PssResult {
  const loader = new URL('../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href;
  const main = join(repositoryRoot, 'src', 'cli', 'main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', loader, main, ...args], {
    cwd: options.cwd ?? repositoryRoot,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    encoding: 'utf8',
    input: options.input ?? '',
    maxBuffer: 1 << 26,
  });
  return { code: status, stdout, stderr };
}
