import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, parseConfig, stringifyConfig } from '../config/config.ts';
import { fileProblem, PssError, UsageError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';

export const RUN_CONFIG_NAME = 'config.yaml';

/** `runs/NAME-YYYYMMDD-HHMMSS`, in UTC. */
export function defaultRunDir(name: string, now = new Date()): string {
  const [date, time] = now.toISOString().replaceAll(/[-:]/g, '').slice(0, 15).split('T');
  return join('runs', `${name}-${date}-${time}`);
}

/**
 * Makes the directory of a new run. It is a run that can be resumed once its config is written.
 * @throws UsageError ERR_RUN_DIR when there is something in it already
 */
export async function createRunDir(runDir: string): Promise<void> {
  const names = await readdir(runDir).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') {
      throw new UsageError('ERR_RUN_DIR', `${runDir} is a file; give another --run-dir.`, { cause: error });
    }
    throw error;
  });
  if (names.length > 0) {
    const way = names.includes(RUN_CONFIG_NAME) ? `continue that run with --resume ${runDir}` : 'remove it';
    throw new UsageError('ERR_RUN_DIR', `${runDir} isn't empty; ${way} or give another --run-dir.`);
  }
  await makeFolder(runDir).catch((cause: unknown) => {
    throw new PssError(
      'ERR_RUN_DIR',
      `Cannot write to ${runDir}: ${fileProblem(cause)}; choose another --run-dir.`,
      { cause },
    );
  });
}

/** Writes the resolved config of a run, beside first, then renamed. */
export async function writeRunConfig(runDir: string, config: Config): Promise<void> {
  const path = join(runDir, RUN_CONFIG_NAME);
  await writeFile(`${path}.partial`, stringifyConfig(config), { flush: true });
  await rename(`${path}.partial`, path);
}

/**
 * The config of a run on disk.
 * @param sets `--set` arguments on top of it
 * @throws PssError ERR_RUN_DIR when the directory holds no run
 */
export async function readRunConfig(runDir: string, sets: readonly string[] = []): Promise<Config> {
  const path = join(runDir, RUN_CONFIG_NAME);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new PssError(
      'ERR_RUN_DIR',
      `${runDir} holds no run (${RUN_CONFIG_NAME} can't be read: ${fileProblem(cause)}); give the directory "pss train" printed.`,
      { cause },
    );
  });
  return parseConfig(text, path, sets);
}
