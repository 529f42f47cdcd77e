import type { DenseProfile, IdKind, RejectReason } from '../manifest/manifest.ts';

/** Makes a reader, which starts its threads at once. */
export type CriteoReaderConstructor = new (options: CriteoReaderOptions) => NativeCriteoReader;

export interface CriteoReaderOptions {
  /** Files of raw Criteo text, plain or gzip; `-` is standard input. */
  readonly inputs: readonly string[];
  /** Threads that parse. Results don't depend on it. */
  readonly jobs: number;
  readonly dense: DenseProfile;
  readonly ids: IdKind;
  /** Ids are taken modulo this; 0 leaves them as they are. */
  readonly maxIndex: number;
  /** Share of malformed rows above which the job stops; judged from 10,000 rows on, and at the end. */
  readonly maxBadFraction: number;
  /** Number of malformed rows above which the job stops; may be Infinity. */
  readonly maxBadRows: number;
  /** Longest line in bytes, without its newline. */
  readonly maxLineBytes: number;
  /** About how much text a thread parses at a time. */
  readonly blockBytes: number;
  /** Rows of a full batch. */
  readonly batchRows: number;
  /** Memory for the batches, written by the reader's threads until `close()`; at least one, a few to overlap work. */
  readonly buffers: readonly RowBuffer[];
}

/** Rows in columns, row-major. */
export interface RowBuffer {
  /** [rows], 0 or 1. */
  readonly label: Uint8Array<ArrayBuffer>;
  /** [rows, N] */
  readonly dense: Float32Array<ArrayBuffer>;
  /** [rows, T] */
  readonly sparse: Uint32Array<ArrayBuffer>;
}

export interface CriteoBatch {
  /** Index of the buffer that holds it. */
  readonly slot: number;
  /** `batchRows`, or fewer in the last batch. */
  readonly rows: number;
  /** Rows whose label is 1. */
  readonly clicks: number;
  /** Bytes read from the inputs so far, as they lie in the files. */
  readonly bytesRead: number;
  /** Consecutive rows by the index of the input they come from. */
  readonly segments: readonly { readonly input: number; readonly rows: number }[];
}

export interface CriteoSummary {
  readonly inputs: readonly {
    readonly rows: number;
    readonly rejected: number;
    /** gzip data ended before its end mark. */
    readonly truncated: boolean;
  }[];
  /** Rows left out, by reason; reasons that didn't occur are absent. */
  readonly rejected: Readonly<Partial<Record<RejectReason, number>>>;
  /** The first rows left out, at most 20. */
  readonly samples: readonly {
    readonly input: number;
    readonly line: number;
    readonly reason: RejectReason;
    readonly excerpt: string;
  }[];
}

/** A stream of batches in the order of the input. Dropped without `close()`, it is closed when collected. */
export interface NativeCriteoReader {
  /**
   * The next batch, or null at the end.
   * @throws ERR_BUSY while an earlier call hasn't settled; ERR_CLOSED; ERR_OPEN, ERR_READ, ERR_FORMAT, ERR_GZIP with the
   * `file` at fault; ERR_BAD_ROWS over the limit; ERR_MEMORY
   */
  next(): Promise<CriteoBatch | null>;
  /** Gives a batch's buffer back to the reader. */
  release(slot: number): void;
  /** Counts so far; complete once `next()` has answered null or thrown. */
  summary(): CriteoSummary;
  /** Ids of every column, once `next()` has answered null: exact with `ids: vocab`, else a HyperLogLog estimate. */
  tableSizes(): number[];
  /** Copies the dictionary of a column from id `from` on into `out`; returns how many. */
  readVocabulary(column: number, from: number, out: Uint32Array): number;
  /** Ends the threads and frees what they hold; a `next()` in flight rejects with ERR_CLOSED. May be called twice. */
  close(): void;
}
