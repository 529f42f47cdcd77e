import { orderRows, type Shuffle, type Window } from './epoch-plan.ts';

/** What rows are read from; a `Dataset` is one. */
export interface RecordBatchSource {
  readonly facts: { readonly numDense: number; readonly numTables: number };
  readonly rows: number;
  /** Rows of every record batch. */
  readonly batchRows: readonly number[];
  readBatch(index: number): Promise<Rows>;
}

/** Rows side by side: labels [rows], dense [rows, N], sparse [rows, T]. */
export interface Rows {
  readonly rows: number;
  readonly labels: Uint8Array;
  readonly dense: Float32Array;
  readonly sparse: Uint32Array;
}

export function allocateRows(rows: number, numDense: number, numTables: number): Rows {
  return {
    rows,
    labels: new Uint8Array(rows),
    dense: new Float32Array(rows * numDense),
    sparse: new Uint32Array(rows * numTables),
  };
}

/** A window's rows in one piece, with the order they are taken in. Its memory is reused from window to window. */
export class WindowBuffer {
  #rows: Rows = allocateRows(0, 0, 0);
  #order: Uint32Array | undefined;

  /** Loads the record batches of a window and draws its order. */
  async load(
    source: RecordBatchSource,
    window: Window,
    shuffle: Shuffle,
    batchSize: number,
    seed: number,
    epoch: number,
  ): Promise<void> {
    const { numDense, numTables } = source.facts;
    if (this.#rows.rows < window.rows) this.#rows = allocateRows(window.rows, numDense, numTables);
    let row = 0;
    // One at a time: a record batch is copied as soon as it is read, so that never more than one is held besides the window.
    for (const index of window.batches) {
      const batch = await source.readBatch(index);
      this.#rows.labels.set(batch.labels, row);
      this.#rows.dense.set(batch.dense, row * numDense);
      this.#rows.sparse.set(batch.sparse, row * numTables);
      row += batch.rows;
    }
    this.#order = orderRows(window, shuffle, batchSize, seed, epoch);
  }

  /** Copies `count` rows, from place `from` of the window's order, to place `to` of `out`. */
  copy(out: Rows, to: number, from: number, count: number, numDense: number, numTables: number): void {
    const { labels, dense, sparse } = this.#rows;
    const order = this.#order;
    if (!order) {
      out.labels.set(labels.subarray(from, from + count), to);
      out.dense.set(dense.subarray(from * numDense, (from + count) * numDense), to * numDense);
      out.sparse.set(sparse.subarray(from * numTables, (from + count) * numTables), to * numTables);
      return;
    }
    // Plain loops: for rows this short a `set` of subarrays costs several times more than the copy itself.
    // Floats go as their bits, so that `gather` always sees one type of array, which makes it several times faster.
    for (let i = 0; i < count; i++) out.labels[to + i] = labels[order[from + i] as number] as number;
    gather(bits(out.dense), to * numDense, bits(dense), order, from, count, numDense);
    gather(out.sparse, to * numTables, sparse, order, from, count, numTables);
  }
}

function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Rows whose memory is touched ahead of their copy, and 32-bit values between touches: less than a 64-byte cache line. */
const TOUCH_ROWS = 64;
const TOUCH_STEP = 12;

/** Keeps the loads of `touch` from being optimised away. */
const touched = new Uint32Array(1);

/**
 * out[to + i·width + j] = values[order[from + i]·width + j] for i < count, j < width.
 * A shuffled row is a cache miss. The rows of a block are touched first, by loads that don't wait for each other, so that the misses
 * overlap; copied one after another they wouldn't, and it would take four times as long.
 */
function gather(
  out: Uint32Array,
  to: number,
  values: Uint32Array,
  order: Uint32Array,
  from: number,
  count: number,
  width: number,
): void {
  let o = to;
  for (let begin = from; begin < from + count; begin += TOUCH_ROWS) {
    const end = Math.min(begin + TOUCH_ROWS, from + count);
    touch(values, order, begin, end, width);
    for (let i = begin; i < end; i++) {
      const first = (order[i] as number) * width;
      for (let j = first; j < first + width; j++) out[o++] = values[j] as number;
    }
  }
}

function touch(values: Uint32Array, order: Uint32Array, begin: number, end: number, width: number): void {
  let mixed = 0;
  for (let i = begin; i < end; i++) {
    const first = (order[i] as number) * width;
    for (let j = first; j < first + width; j += TOUCH_STEP) mixed ^= values[j] as number;
  }
  touched[0] = (touched[0] as number) ^ mixed;
}
