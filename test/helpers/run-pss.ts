import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from './shared-folder.ts';

/** Arguments for Node that run the command line from its sources. */
export const PSS_ARGS = ['--import', 'tsx', join(repositoryRoot, 'src', 'cli', 'main.ts')];

/** Runs `pss` to its end. */
export function runPss(args: readonly string[], input?: string | Buffer): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [...PSS_ARGS, ...args], {
    cwd: repositoryRoot,
    encoding: 'utf8',
    timeout: 120_000,
    ...(input === undefined ? {} : { input }),
  });
}
