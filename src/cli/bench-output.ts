import { writeFileSync } from 'node:fs';
import { PssError } from '../errors.ts';

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

/** Writes one JSON object a line. */
export function writeJsonLines(path: string, rows: readonly object[]): void {
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
