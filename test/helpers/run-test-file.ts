import { spawnSync } from 'node:child_process';
import { repositoryRoot } from './shared-folder.ts';

/**
 * Runs a file of tests in a process of its own: drivers and addons are loaded once in a process.
 * @param file from the repository's root
 * @param env added to this process's own
 */
export function runTestFile(file: string, env: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file], {
    cwd: repositoryRoot,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  return { status, stderr, text: `${stdout}${stderr}` };
}
