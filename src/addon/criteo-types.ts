import type { DenseProfile, RejectReason } from '../manifest/manifest.ts';

/** Makes a reader, which starts its threads at once. */
export type CriteoReaderConstructor = new (options: CriteoReaderOptions) => NativeCriteoReader;

export interface CriteoReaderOptions {
  /** Files of raw Criteo text, plain or gzip; `-` is standard input. */
  readonly inputs: readonly string[];
  /** Threads that parse. Results don't depend on it. */
  readonly jobs: number;
  readonly dense: DenseProfile;
  /** Ids by dictionary; without it, ids are the 32-bit values themselves. */
  readonly encoder?: IdEncoderOptions;
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
  /** Where to go on, a batch's `end`; the same inputs and options give the same rows from there. */
  readonly start?: CriteoPosition;
  /** What `sketches()` gave before; without an `encoder` only. */
  readonly seen?: Uint8Array;
}

/**
 * Dictionaries with their files in `folder`: for every column c, `c.values` has the value of every id in order, and `c.pending`, in the
 * order of the rows, the values for which there was no more memory. The latter have 0xffffffff in the batches. All files of ids are
 * plain 32-bit words.
 */
export interface IdEncoderOptions {
  readonly folder: string;
  /** For all dictionaries together. */
  readonly memoryBytes: number;
  /** Where to go on, a batch's `encoded`. */
  readonly start: EncodedCounts;
}

/** Words in the dictionaries' files, by column. */
export interface EncodedCounts {
  readonly values: readonly number[];
  readonly pending: readonly number[];
}

/** A place between two rows. */
export interface CriteoPosition {
  readonly input: number;
  /** Into the (decompressed) text of that input, at the start of a line. */
  readonly offset: number;
  /** Lines of that input before it. */
  readonly lines: number;
  /** Rows after the offset that have been delivered. */
  readonly skippedRows: number;
  /** Of all before the offset. */
  readonly summary: CriteoSummary;
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
  /** Bytes this reader has read from the inputs so far, as they lie in the files. */
  readonly bytesRead: number;
  /** Consecutive rows by the index of the input they come from. */
  readonly segments: readonly { readonly input: number; readonly rows: number }[];
  /** Where the rows after this batch begin. */
  readonly end: CriteoPosition;
  /** With an `encoder`: what its files hold, this batch included. */
  readonly encoded?: EncodedCounts;
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
   * `file` at fault; ERR_BAD_ROWS over the limit; ERR_MEMORY; ERR_WRITE, ERR_NO_SPACE
   */
  next(): Promise<CriteoBatch | null>;
  /** Gives a batch's buffer back to the reader. */
  release(slot: number): void;
  /** Counts so far; complete once `next()` has answered null or thrown. */
  summary(): CriteoSummary;
  /**
   * HyperLogLog registers of all columns for `estimateDistinct`; complete once `next()` has answered null. Counting rows twice makes no
   * difference, so a reader that starts anywhere before the rows it hasn't seen may go on from them.
   */
  sketches(): Uint8Array;
  /** Ends the threads and frees what they hold; a `next()` in flight rejects with ERR_CLOSED. May be called twice. */
  close(): void;
}

/**
 * One more round for a column that has values without an id: reads those (`c.pending`, or `c.pending-ROUND` after the first), gives
 * ids from `firstId` on in order of first appearance as far as memory goes, and writes `c.values-ROUND` (what got an id),
 * `c.ids-ROUND` (an id for each value read, or 0xffffffff) and `c.pending-(ROUND + 1)`. Starts over whatever an earlier attempt left.
 * @returns ids given, and words left for the next round
 * @throws ERR_READ, ERR_WRITE, ERR_NO_SPACE, ERR_IDS
 */
export type NumberPending = (options: {
  readonly folder: string;
  readonly column: number;
  /** From 1. */
  readonly round: number;
  readonly firstId: number;
  readonly memoryBytes: number;
  /** Values seen fewer times get 0; 1 keeps all. */
  readonly minCount: number;
}) => Promise<{ values: number; pending: number }>;

/**
 * Starts writing bytes `from` to (not with) `to` of an open file to the disk, waits until those before `keepFrom` are there, and takes them
 * out of the page cache.
 * @throws ERR_WRITE, ERR_NO_SPACE
 */
export type WriteBehind = (descriptor: number, from: number, to: number, keepFrom: number) => Promise<void>;

/** Counts the ids of encoded rows, to tell rare values. */
export interface NativeIdCounter {
  /** Adds rows, [rows, T]. */
  add(sparse: Uint32Array): void;
  /**
   * Writes for every column `c.remap`, the final id of each id (0, or 1, 2, … in order), and `c.kept`, the values behind the final
   * ids from 1 on.
   * @returns how many values every column keeps
   */
  finish(minCount: number): number[];
}

export type IdCounterConstructor = new (options: {
  readonly folder: string;
  readonly jobs: number;
  /** Ids of every column. */
  readonly ids: readonly number[];
}) => NativeIdCounter;

/** Puts final ids into encoded rows, which must come in the order of the input. */
export interface NativeIdResolver {
  /** Rows, [rows, T]. @throws ERR_READ */
  resolve(sparse: Uint32Array): void;
  /** By column and round: ids used so far. */
  used(): number[][];
}

export type IdResolverConstructor = new (options: {
  readonly folder: string;
  readonly jobs: number;
  /** Rare values are left out: `c.remap` applies. */
  readonly remap: boolean;
  /** As `used()` gave it, or zeros: one for every round of every column. */
  readonly used: readonly (readonly number[])[];
}) => NativeIdResolver;
