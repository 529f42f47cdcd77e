import { spawnSync } from 'node:child_process';
import { repositoryRoot } from './shared-folder.ts';

/**
 * Runs the text of a module in a process of its own: for what is read or loaded once in a process.
 * @param script imports relative to the repository's root
 * @param env added to this process's own
 */
export function runModule(script: string, env: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    cwd: repositoryRoot,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
}
