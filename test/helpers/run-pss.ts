import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from './shared-folder.ts';

/** What a finished `pss` left behind. */
export interface PssResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Arguments for Node that run the command line from its TypeScript sources. */
export const PSS_ARGS: readonly string[] = [
  '--import',
  new URL('../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href,
  join(repositoryRoot, 'src', 'cli', 'main.ts'),
];

/** Runs the command line as a person would run it, and waits for its end. */
export function runPss(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string | Buffer } = {},
): PssResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...PSS_ARGS, ...args], {
    cwd: options.cwd ?? repositoryRoot,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    encoding: 'utf8',
    input: options.input ?? '',
    maxBuffer: 1 << 26,
    timeout: 300_000,
  });
  return { code: status, stdout, stderr };
}
