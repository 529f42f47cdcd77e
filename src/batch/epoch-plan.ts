import { loadAddon } from '../addon/load.ts';

/** How an epoch orders its rows; see `planEpoch` and `orderRows`. */
export type Shuffle = 'none' | 'batches' | 'rows';

/** Rows held in memory when rows or batches are shuffled: 524,288 rows of 157 bytes are 82 MB. */
export const SHUFFLE_WINDOW_ROWS = 524_288;

/** Consecutive record batches of an epoch's order, loaded together. */
export interface Window {
  readonly index: number;
  /** Record batches, as numbered in the data set. */
  readonly batches: readonly number[];
  /** Place of the window's first row in the epoch. */
  readonly firstRow: number;
  readonly rows: number;
}

/** Numbers that keep the random streams of one seed apart. */
const STREAM_RECORD_BATCHES = 1;
const STREAM_WINDOW = 2;

/**
 * The windows of an epoch. Without shuffling, each record batch in the data's order is a window; else the record batches come in an order
 * drawn for (seed, epoch), and as many of them as fit in `windowRows` (at least one) make a window.
 * @param batchRows rows of every record batch
 * @param epoch from 0
 */
export function planEpoch(
  batchRows: readonly number[],
  shuffle: Shuffle,
  windowRows: number,
  seed: number,
  epoch: number,
): Window[] {
  if (shuffle === 'none') {
    let firstRow = 0;
    return batchRows.map((rows, index) => {
      const window = { index, batches: [index], firstRow, rows };
      firstRow += rows;
      return window;
    });
  }
  const windows: Window[] = [];
  let batches: number[] = [];
  let firstRow = 0;
  let rows = 0;
  const close = () => {
    windows.push({ index: windows.length, batches, firstRow, rows });
    firstRow += rows;
    batches = [];
    rows = 0;
  };
  for (const batch of loadAddon().permutation(batchRows.length, seed, [STREAM_RECORD_BATCHES, epoch, 0])) {
    const more = batchRows[batch] as number;
    if (batches.length > 0 && rows + more > windowRows) close();
    batches.push(batch);
    rows += more;
  }
  close();
  return windows;
}

/**
 * The order of a window's rows, drawn for (seed, epoch, window): of single rows, or of blocks of `batchSize` rows (a shorter last block
 * stays last). An epoch is its windows one after another, cut into batches, so only the epoch's last batch is short.
 * @returns [rows] places in the window, or undefined for the data's own order
 */
export function orderRows(
  window: Window,
  shuffle: Shuffle,
  batchSize: number,
  seed: number,
  epoch: number,
): Uint32Array | undefined {
  if (shuffle === 'none') return undefined;
  const stream = [STREAM_WINDOW, epoch, window.index] as const;
  if (shuffle === 'rows') return loadAddon().permutation(window.rows, seed, stream);
  const blocks = Math.floor(window.rows / batchSize);
  const order = new Uint32Array(window.rows);
  const blockOrder = loadAddon().permutation(blocks, seed, stream);
  for (let place = 0; place < window.rows; place++) {
    const block = Math.floor(place / batchSize);
    const from = block < blocks ? (blockOrder[block] as number) : block;
    order[place] = from * batchSize + (place % batchSize);
  }
  return order;
}
