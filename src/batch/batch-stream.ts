import { allocateRows, type Rows, viewRows } from '../reader/rows.ts';
import { planEpoch, SHUFFLE_WINDOW_ROWS, type Shuffle, type Window } from './epoch-plan.ts';
import { type RecordBatchSource, WindowBuffer } from './window-buffer.ts';

export interface BatchStreamOptions {
  readonly batchSize: number;
  /** Most batches in a superbatch. */
  readonly maxBatches: number;
  readonly shuffle: Shuffle;
  /** Rows shuffled together; default 524,288. */
  readonly windowRows?: number | undefined;
  readonly seed: number;
  /** Passes over the data; without it, as many as are read. */
  readonly epochs?: number;
}

/** Several batches of one epoch; all have `batchSize` rows but an epoch's last, which may have fewer. */
export interface Superbatch extends Rows {
  readonly batches: number;
  /** From 0. */
  readonly epoch: number;
  /** Place of the first row in the epoch. */
  readonly firstRow: number;
}

/**
 * The batches of epoch after epoch. What is delivered depends on (data, batchSize, shuffle, windowRows, seed) and the place alone, and any
 * place can be sought without reading what comes before it. The next window is loaded while the current one is used.
 */
export class BatchStream {
  readonly #source: RecordBatchSource;
  readonly #options: BatchStreamOptions;
  /** Two, so that one can be filled while the other is in use. */
  readonly #superbatches: [Rows, Rows];
  #turn = 0;
  #epoch = 0;
  #row = 0;
  #current: Loaded | undefined;
  #next: Promise<Loaded | undefined> | undefined;
  #reading: Promise<unknown> | undefined;
  #plan: { epoch: number; windows: Window[] } | undefined;
  #spare: WindowBuffer[] = [new WindowBuffer(), new WindowBuffer()];

  constructor(source: RecordBatchSource, options: BatchStreamOptions) {
    this.#source = source;
    this.#options = options;
    const { numDense, numTables } = source.facts;
    const rows = Math.min(options.batchSize * options.maxBatches, source.rows);
    this.#superbatches = [allocateRows(rows, numDense, numTables), allocateRows(rows, numDense, numTables)];
  }

  /** Goes to a row of an epoch (both from 0); the next read begins there. Only before the first read. */
  seek(epoch: number, row: number): void {
    this.#epoch = epoch + Math.floor(row / this.#source.rows);
    this.#row = row % this.#source.rows;
  }

  /**
   * The next batches, at most `maxBatches` of them and all of one epoch.
   * Its arrays are valid until the second `read` from now, so one superbatch can be worked on while the next is made.
   * @returns undefined after the last epoch
   */
  read(maxBatches: number = this.#options.maxBatches): Promise<Superbatch | undefined> {
    const reading = this.#read(maxBatches);
    this.#reading = reading;
    return reading;
  }

  /** Waits for reading under way; the source can be closed after this. */
  async close(): Promise<void> {
    await this.#reading?.catch(() => undefined);
    await this.#next?.catch(() => undefined);
    this.#next = undefined;
    this.#current = undefined;
  }

  async #read(maxBatches: number): Promise<Superbatch | undefined> {
    const { batchSize, epochs = Number.POSITIVE_INFINITY } = this.#options;
    if (this.#epoch >= epochs) return undefined;
    const { numDense, numTables } = this.#source.facts;
    const room = Math.min(maxBatches, this.#options.maxBatches) * batchSize;
    const rows = Math.min(room, this.#source.rows - this.#row);
    const buffers = this.#superbatches[this.#turn] as Rows;
    this.#turn = 1 - this.#turn;
    const place = { epoch: this.#epoch, firstRow: this.#row, batches: Math.ceil(rows / batchSize) };
    for (let filled = 0; filled < rows; ) {
      const { window, buffer } = await this.#windowAtPlace();
      const from = this.#row - window.firstRow;
      const count = Math.min(rows - filled, window.rows - from);
      buffer.copy(buffers, filled, from, count, numDense, numTables);
      filled += count;
      this.#row += count;
    }
    if (this.#row === this.#source.rows) {
      this.#epoch++;
      this.#row = 0;
    }
    return { ...place, ...viewRows(buffers, 0, rows, numDense, numTables) };
  }

  async #windowAtPlace(): Promise<Loaded> {
    const current = this.#current;
    if (
      current &&
      current.epoch === this.#epoch &&
      this.#row < current.window.firstRow + current.window.rows
    ) {
      return current;
    }
    if (current) this.#spare.push(current.buffer);
    this.#current = undefined;
    const loaded = await (this.#next ?? this.#load(this.#epoch, this.#windowIndexAt(this.#epoch, this.#row)));
    if (!loaded) throw new RangeError('read past the last epoch');
    this.#current = loaded;
    this.#next = this.#load(loaded.epoch, loaded.window.index + 1);
    // A failure is reported by the read that needs the window, not by the process.
    this.#next.catch(() => undefined);
    return loaded;
  }

  async #load(epoch: number, windowIndex: number): Promise<Loaded | undefined> {
    const { shuffle, batchSize, seed, epochs = Number.POSITIVE_INFINITY } = this.#options;
    const window = this.#windows(epoch)[windowIndex];
    if (!window) return epoch + 1 < epochs ? this.#load(epoch + 1, 0) : undefined;
    const buffer = this.#spare.pop() as WindowBuffer;
    await buffer.load(this.#source, window, shuffle, batchSize, seed, epoch);
    return { epoch, window, buffer };
  }

  #windowIndexAt(epoch: number, row: number): number {
    return this.#windows(epoch).findIndex(({ firstRow, rows }) => row < firstRow + rows);
  }

  #windows(epoch: number): Window[] {
    if (this.#plan?.epoch !== epoch) {
      const { shuffle, windowRows = SHUFFLE_WINDOW_ROWS, seed } = this.#options;
      this.#plan = { epoch, windows: planEpoch(this.#source.batchRows, shuffle, windowRows, seed, epoch) };
    }
    return this.#plan.windows;
  }
}

interface Loaded {
  readonly epoch: number;
  readonly window: Window;
  readonly buffer: WindowBuffer;
}
