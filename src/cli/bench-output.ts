import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { fileProblem, PssError } from '../errors.ts';

/**
 * Refuses a row that no undisturbed sample stands behind.
 * @throws PssError ERR_BUSY_MACHINE
 */
export function expectSamples(row: { readonly case: string; readonly samples: number }): void {
  if (row.samples > 0) return;
  throw new PssError(
    'ERR_BUSY_MACHINE',
    `The machine was too busy for a single undisturbed sample of ${row.case}; stop other work and try again.`,
  );
}

/**
 * Makes sure before anything is measured that there will be a place for it.
 * @throws PssError ERR_OUTPUT
 */
export function expectWritable(path: string | undefined): void {
  if (path === undefined) return;
  const existed = existsSync(path);
  try {
    closeSync(openSync(path, 'a'));
    if (!existed) rmSync(path);
  } catch (cause) {
    throw new PssError('ERR_OUTPUT', `Cannot write ${path}: ${fileProblem(cause)}; give another --json.`, {
      cause,
    });
  }
}

/** Writes one JSON object a line. */
export function writeJsonLines(path: string, rows: readonly object[]): void {
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
