import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PssError } from '../errors.ts';
import { writeSweepFile } from './run-sweep.ts';
import type { TableRow } from './sweep-table.ts';

const TABLE_NAME = 'table.json';

/** A sweep's table as it is kept for reports. */
export interface StoredTable {
  /** The sweep's. */
  readonly name: string;
  /** In the order of the sweep's file. */
  readonly axes: readonly string[];
  readonly rows: readonly TableRow[];
}

export function storeTable(folder: string, table: StoredTable): Promise<void> {
  return writeSweepFile(folder, TABLE_NAME, `${JSON.stringify(table, null, 2)}\n`);
}

/**
 * The table of a sweep; undefined while it isn't complete.
 * @throws PssError ERR_SWEEP when the file is damaged
 */
export async function readStoredTable(folder: string): Promise<StoredTable | undefined> {
  const path = join(folder, TABLE_NAME);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as StoredTable;
  } catch (cause) {
    throw new PssError('ERR_SWEEP', `${path} is damaged; the sweep's command writes it anew.`, { cause });
  }
}
