/** Rows side by side, row-major. */
export interface Rows {
  readonly rows: number;
  /** [rows], 0 or 1. */
  readonly labels: Uint8Array;
  /** [rows, N] */
  readonly dense: Float32Array;
  /** [rows, T] */
  readonly sparse: Uint32Array;
}

/** Room for `rows` rows. */
export function allocateRows(rows: number, numDense: number, numTables: number): Rows {
  return {
    rows,
    labels: new Uint8Array(rows),
    dense: new Float32Array(rows * numDense),
    sparse: new Uint32Array(rows * numTables),
  };
}

/** Rows `from` to (not with) `to`, as views. */
export function viewRows(rows: Rows, from: number, to: number, numDense: number, numTables: number): Rows {
  return {
    rows: to - from,
    labels: rows.labels.subarray(from, to),
    dense: rows.dense.subarray(from * numDense, to * numDense),
    sparse: rows.sparse.subarray(from * numTables, to * numTables),
  };
}
