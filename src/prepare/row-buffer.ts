import type { RowBuffer } from '../addon/criteo-types.ts';
import { NUM_DENSE, NUM_TABLES } from '../manifest/manifest.ts';

/** Rows of a record batch. */
export const BATCH_ROWS = 65_536;

/** Room for `rows` rows. */
export function createRowBuffer(rows: number): RowBuffer {
  return {
    label: new Uint8Array(rows),
    dense: new Float32Array(rows * NUM_DENSE),
    sparse: new Uint32Array(rows * NUM_TABLES),
  };
}

/** Rows from `from` to (not with) `to`, as views. */
export function sliceRows(rows: RowBuffer, from: number, to: number): RowBuffer {
  return {
    label: rows.label.subarray(from, to),
    dense: rows.dense.subarray(from * NUM_DENSE, to * NUM_DENSE),
    sparse: rows.sparse.subarray(from * NUM_TABLES, to * NUM_TABLES),
  };
}

/** Bytes of a row: label, dense, sparse. */
export const ROW_BYTES = 1 + 4 * NUM_DENSE + 4 * NUM_TABLES;

/** Rows as they are kept in files of our own: the widest column first, so that each lies on a multiple of its element size. */
export function rowsToBytes({ label, dense, sparse }: RowBuffer): Uint8Array[] {
  return [dense, sparse, label].map(
    (column) => new Uint8Array(column.buffer, column.byteOffset, column.byteLength),
  );
}

/** The rows that `rowsToBytes` made these bytes of, as views. */
export function rowsFromBytes(bytes: ArrayBuffer, rows: number): RowBuffer {
  const sparseAt = rows * NUM_DENSE * Float32Array.BYTES_PER_ELEMENT;
  const labelAt = sparseAt + rows * NUM_TABLES * Uint32Array.BYTES_PER_ELEMENT;
  return {
    dense: new Float32Array(bytes, 0, rows * NUM_DENSE),
    sparse: new Uint32Array(bytes, sparseAt, rows * NUM_TABLES),
    label: new Uint8Array(bytes, labelAt, rows),
  };
}

/** Below this many rows, a loop copies faster than making views for `set`. */
const FEW_ROWS = 16;

/** Copies rows `from` to (not with) `to` of `source` to `target`, from its row `at` on. */
export function copyRows(target: RowBuffer, at: number, source: RowBuffer, from: number, to: number): void {
  if (to - from >= FEW_ROWS) {
    const rows = sliceRows(source, from, to);
    target.label.set(rows.label, at);
    target.dense.set(rows.dense, at * NUM_DENSE);
    target.sparse.set(rows.sparse, at * NUM_TABLES);
    return;
  }
  copyValues(target.label, source.label, at, from, to, 1);
  copyValues(target.dense, source.dense, at, from, to, NUM_DENSE);
  copyValues(target.sparse, source.sparse, at, from, to, NUM_TABLES);
}

function copyValues(
  target: { [index: number]: number },
  source: { readonly [index: number]: number },
  at: number,
  from: number,
  to: number,
  width: number,
): void {
  const shift = (at - from) * width;
  for (let i = from * width; i < to * width; i++) target[i + shift] = source[i] as number;
}
