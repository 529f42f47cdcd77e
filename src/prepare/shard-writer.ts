import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowBuffer } from '../addon/criteo-types.ts';
import { ArrowEncoder } from '../arrow/arrow-encoder.ts';
import { makeFolder } from '../make-folder.ts';
import type { StoredFile } from '../manifest/manifest.ts';
import { SHARD_SCHEMA, type ShardTypes, shardColumns } from './arrow-columns.ts';
import {
  BATCH_ROWS,
  copyRows,
  createRowBuffer,
  rowsFromBytes,
  rowsToBytes,
  sliceRows,
} from './row-buffer.ts';
import { StoredFileWriter } from './stored-file-writer.ts';

/** Record batches of a part: 1,048,576 rows. */
const PART_BATCHES = 16;

interface OpenPart {
  readonly file: StoredFileWriter;
  readonly encoder: ArrowEncoder<ShardTypes>;
  rows: number;
  batches: number;
}

/** What a folder of shards came to. */
export interface WrittenShards {
  readonly files: StoredFile[];
  readonly rows: number;
  /** Rows whose label is 1. */
  readonly clicks: number;
}

/** How far the writing of a folder has come. */
export interface ShardWriterState extends WrittenShards {
  /** Record batches, all of them full, and bytes of the part being written. */
  readonly open: { readonly batches: number; readonly sizeBytes: number } | null;
  /** Rows of the batch being filled, which are kept elsewhere. */
  readonly stagedRows: number;
}

/** Writes rows as `part-NNNNN.arrow` into one folder: full record batches but for the last, sixteen a part. */
export class ShardWriter {
  readonly #folder: string;
  readonly #files: StoredFile[] = [];
  #part: OpenPart | undefined;
  #staged: RowBuffer | undefined;
  #stagedRows = 0;
  #rows = 0;
  #clicks = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder. */
  static async create(folder: string): Promise<ShardWriter> {
    await makeFolder(folder);
    return new ShardWriter(folder);
  }

  /**
   * Goes on where a writer of the same folder was when it had this state; what it wrote afterwards is removed.
   * @param stagedPath where that writer's `saveStaged` put rows, when the state has some
   */
  static async restore(folder: string, state: ShardWriterState, stagedPath: string): Promise<ShardWriter> {
    const writer = await ShardWriter.create(folder);
    writer.#files.push(...state.files);
    writer.#rows = state.rows;
    writer.#clicks = state.clicks;
    const parts = state.files.length + (state.open ? 1 : 0);
    const known = Array.from({ length: parts }, (_, index) => partName(index));
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isFile() && !known.includes(entry.name)) await rm(join(folder, entry.name));
    }
    if (state.open) await writer.#resumePart(state.open);
    if (state.stagedRows > 0) await writer.#loadStaged(stagedPath, state.stagedRows);
    return writer;
  }

  get state(): ShardWriterState {
    const part = this.#part;
    return {
      files: [...this.#files],
      rows: this.#rows,
      clicks: this.#clicks,
      open: part ? { batches: part.batches, sizeBytes: part.file.sizeBytes } : null,
      stagedRows: this.#stagedRows,
    };
  }

  /** Keeps the rows of the batch being filled in a file, if there are any. */
  async saveStaged(path: string): Promise<void> {
    if (!this.#staged || this.#stagedRows === 0) return;
    await writeFile(path, rowsToBytes(sliceRows(this.#staged, 0, this.#stagedRows)));
  }

  /**
   * Adds rows `from` to (not with) `to`. They may be changed at once when this returns undefined, else once the promise has
   * settled, which must be before the next call.
   */
  append(rows: RowBuffer, from: number, to: number): Promise<void> | undefined {
    if (this.#stagedRows === 0 && from === 0 && to === BATCH_ROWS) return this.#writeBatch(rows, BATCH_ROWS);
    this.#staged ??= createRowBuffer(BATCH_ROWS);
    const fitting = Math.min(to - from, BATCH_ROWS - this.#stagedRows);
    copyRows(this.#staged, this.#stagedRows, rows, from, from + fitting);
    this.#stagedRows += fitting;
    if (this.#stagedRows < BATCH_ROWS) return undefined;
    return this.#flush().then(() => this.append(rows, from + fitting, to));
  }

  /** Writes what is left and closes the last part. */
  async finish(): Promise<WrittenShards> {
    if (this.#stagedRows > 0) await this.#flush();
    await this.#closePart();
    return { files: this.#files, rows: this.#rows, clicks: this.#clicks };
  }

  /** Closes what is open, as it is. */
  async abandon(): Promise<void> {
    await this.#part?.file.abandon();
    this.#part = undefined;
  }

  async #flush(): Promise<void> {
    if (this.#staged) await this.#writeBatch(this.#staged, this.#stagedRows);
    this.#stagedRows = 0;
  }

  async #writeBatch({ label, dense, sparse }: RowBuffer, rows: number): Promise<void> {
    this.#part ??= {
      file: await StoredFileWriter.create(join(this.#folder, partName(this.#files.length))),
      encoder: new ArrowEncoder(SHARD_SCHEMA),
      rows: 0,
      batches: 0,
    };
    const part = this.#part;
    await part.file.write(part.encoder.encode(shardColumns(rows, label, dense, sparse), rows));
    for (let row = 0; row < rows; row++) this.#clicks += label[row] as number;
    this.#rows += rows;
    part.rows += rows;
    part.batches++;
    if (part.batches === PART_BATCHES) await this.#closePart();
  }

  async #closePart(): Promise<void> {
    const part = this.#part;
    if (!part) return;
    await part.file.write(part.encoder.finish());
    this.#files.push(await part.file.finish(part.rows));
    this.#part = undefined;
  }

  async #resumePart({ batches, sizeBytes }: { batches: number; sizeBytes: number }): Promise<void> {
    const encoder = new ArrowEncoder(SHARD_SCHEMA);
    const { label, dense, sparse } = createRowBuffer(BATCH_ROWS);
    const expected = encoder.skip(batches, shardColumns(BATCH_ROWS, label, dense, sparse), BATCH_ROWS);
    const path = join(this.#folder, partName(this.#files.length));
    if (expected !== sizeBytes) throw new Error(`${path} has ${sizeBytes} bytes instead of ${expected}`);
    const file = await StoredFileWriter.resume(path, sizeBytes);
    this.#part = { file, encoder, rows: batches * BATCH_ROWS, batches };
  }

  async #loadStaged(path: string, rows: number): Promise<void> {
    // A copy, because a Buffer may lie anywhere in a larger one.
    const { buffer } = new Uint8Array(await readFile(path));
    const saved = rowsFromBytes(buffer, rows);
    this.#staged = createRowBuffer(BATCH_ROWS);
    copyRows(this.#staged, 0, saved, 0, rows);
    this.#stagedRows = rows;
  }
}

function partName(index: number): string {
  return `part-${String(index).padStart(5, '0')}.arrow`;
}
