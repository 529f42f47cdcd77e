import { availableParallelism } from 'node:os';
import type { CriteoBatch, NativeCriteoReader, RowBuffer } from '../addon/criteo-types.ts';
import { loadAddon } from '../addon/load.ts';
import { tooManyBadRows } from './bad-rows.ts';
import type { BadRowLimit, PrepareOptions } from './prepare-options.ts';
import { BATCH_ROWS, createRowBuffer, sliceRows } from './row-buffer.ts';

/** One batch being written, one being filled, and two for the difference in pace. */
const BATCHES_IN_FLIGHT = 4;
const BLOCK_BYTES = 1 << 20;
const MAX_LINE_BYTES = 1 << 16;

/** Most parsing threads. */
export const MAX_JOBS = 256;

/** Accepted rows that follow each other in the input. */
export interface RawBatch extends CriteoBatch {
  /** Views of reused memory: valid until the next batch is asked for. */
  readonly columns: RowBuffer;
}

/** The rows of raw files, parsed by the addon's threads ahead of use. */
export class RawRows {
  readonly #inputs: readonly string[];
  readonly #limit: BadRowLimit;
  readonly #buffers = Array.from({ length: BATCHES_IN_FLIGHT }, () => createRowBuffer(BATCH_ROWS));
  /** For what is known at the end: summary, table sizes, dictionary. */
  readonly reader: NativeCriteoReader;

  /** Starts reading. */
  constructor(inputs: readonly string[], limit: BadRowLimit, options: PrepareOptions) {
    const { CriteoReader } = loadAddon();
    this.#inputs = inputs;
    this.#limit = limit;
    this.reader = new CriteoReader({
      inputs,
      jobs: options.jobs ?? Math.min(availableParallelism(), MAX_JOBS),
      dense: options.dense ?? 'dlrm',
      ids: options.ids ?? 'raw',
      maxIndex: options.maxIndex ?? 0,
      maxBadFraction: limit.fraction,
      maxBadRows: limit.rows,
      maxLineBytes: MAX_LINE_BYTES,
      blockBytes: options.blockBytes ?? BLOCK_BYTES,
      batchRows: BATCH_ROWS,
      buffers: this.#buffers,
    });
  }

  /**
   * All batches in order; each is full but the last.
   * @throws PssError ERR_BAD_ROWS over the limit; the reader's own errors
   */
  async *batches(): AsyncGenerator<RawBatch> {
    for (let batch = await this.#next(); batch; batch = await this.#next()) {
      const buffer = this.#buffers[batch.slot] as RowBuffer;
      yield { ...batch, columns: sliceRows(buffer, 0, batch.rows) };
      this.reader.release(batch.slot);
    }
  }

  /** Ends the threads; a batch being waited for fails with ERR_CLOSED. May be called twice. */
  close(): void {
    this.reader.close();
  }

  async #next(): Promise<CriteoBatch | null> {
    try {
      return await this.reader.next();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BAD_ROWS') throw error;
      throw tooManyBadRows(this.#inputs, this.reader.summary(), this.#limit);
    }
  }
}
