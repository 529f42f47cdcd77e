import type {
  CriteoBatch,
  CriteoPosition,
  CriteoSummary,
  IdEncoderOptions,
  NativeCriteoReader,
  RowBuffer,
} from '../addon/criteo-types.ts';
import { loadAddon } from '../addon/load.ts';
import { tooManyBadRows } from './bad-rows.ts';
import type { Job } from './job.ts';
import { BATCH_ROWS, createRowBuffer, sliceRows } from './row-buffer.ts';

/** One batch being written, one being filled, and two for the difference in pace. */
const BATCHES_IN_FLIGHT = 4;
const BLOCK_BYTES = 1 << 20;
const MAX_LINE_BYTES = 1 << 16;

/** Accepted rows that follow each other in the input. */
export interface RawBatch extends CriteoBatch {
  /** Views of reused memory: valid until the next batch is asked for. */
  readonly columns: RowBuffer;
}

/** Where reading goes on. */
export interface ReadingStart {
  readonly position?: CriteoPosition | undefined;
  readonly sketches?: Uint8Array | undefined;
}

/** The rows of raw files, parsed by the addon's threads ahead of use. */
export class RawRows {
  readonly #job: Job;
  readonly #buffers = Array.from({ length: BATCHES_IN_FLIGHT }, () => createRowBuffer(BATCH_ROWS));
  readonly #reader: NativeCriteoReader;
  #closed = false;
  #sketches: Uint8Array | undefined;

  /**
   * Starts reading.
   * @param encoder makes the ids contiguous; without it they stay the 32-bit values
   */
  constructor(job: Job, encoder: IdEncoderOptions | undefined, { position, sketches }: ReadingStart = {}) {
    const { CriteoReader } = loadAddon();
    const { options, limit } = job;
    this.#job = job;
    this.#reader = new CriteoReader({
      inputs: job.inputs.files,
      jobs: job.jobs,
      dense: options.dense ?? 'dlrm',
      maxIndex: options.maxIndex ?? 0,
      maxBadFraction: limit.fraction,
      maxBadRows: limit.rows,
      maxLineBytes: MAX_LINE_BYTES,
      blockBytes: options.blockBytes ?? BLOCK_BYTES,
      batchRows: BATCH_ROWS,
      buffers: this.#buffers,
      ...(encoder && { encoder }),
      ...(position && { start: position }),
      ...(sketches && { seen: sketches }),
    });
  }

  /**
   * All batches in order; each is full but the last. Ends early when the rows are closed meanwhile.
   * @throws PssError ERR_BAD_ROWS over the limit; the reader's own errors
   */
  async *batches(): AsyncGenerator<RawBatch> {
    for (let batch = await this.#next(); batch; batch = await this.#next()) {
      const buffer = this.#buffers[batch.slot] as RowBuffer;
      yield { ...batch, columns: sliceRows(buffer, 0, batch.rows) };
      this.#reader.release(batch.slot);
    }
  }

  /** Counts; complete after the last batch. */
  summary(): CriteoSummary {
    return this.#reader.summary();
  }

  /** Registers for estimates of distinct values: of all rows given so far, and perhaps some that follow. */
  sketches(): Uint8Array {
    return this.#sketches ?? this.#reader.sketches();
  }

  /** Ends the threads. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sketches = this.#reader.sketches();
    this.#reader.close();
  }

  async #next(): Promise<CriteoBatch | null> {
    if (this.#closed) return null;
    try {
      return await this.#reader.next();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ERR_CLOSED') return null;
      if (code !== 'ERR_BAD_ROWS') throw error;
      throw tooManyBadRows(this.#job.inputs.files, this.#reader.summary(), this.#job.limit);
    }
  }
}
