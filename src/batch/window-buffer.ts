import { loadAddon } from '../addon/load.ts';
import { allocateRows, type Rows, viewRows } from '../reader/rows.ts';
import { orderRows, type Shuffle, type Window } from './epoch-plan.ts';

/** What rows are read from; a `Dataset` is one. */
export interface RecordBatchSource {
  readonly facts: { readonly numDense: number; readonly numTables: number };
  readonly rows: number;
  /** Rows of every record batch. */
  readonly batchRows: readonly number[];
  /** Reads record batch `index` into `out`, which has room for its rows exactly. */
  readBatchInto(index: number, out: Rows): Promise<void>;
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
    for (const index of window.batches) {
      const end = row + (source.batchRows[index] as number);
      await source.readBatchInto(index, viewRows(this.#rows, row, end, numDense, numTables));
      row = end;
    }
    this.#order = orderRows(window, shuffle, batchSize, seed, epoch);
  }

  /** Copies `count` rows, from place `from` of the window's order, to place `to` of `out`. */
  copy(out: Rows, to: number, from: number, count: number, numDense: number, numTables: number): void {
    if (this.#order) {
      loadAddon().gatherRows(out, to, this.#rows, this.#order.subarray(from, from + count));
      return;
    }
    const rows = viewRows(this.#rows, from, from + count, numDense, numTables);
    out.labels.set(rows.labels, to);
    out.dense.set(rows.dense, to * numDense);
    out.sparse.set(rows.sparse, to * numTables);
  }
}
