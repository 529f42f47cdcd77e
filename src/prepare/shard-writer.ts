import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowBuffer } from '../addon/criteo-types.ts';
import { ArrowEncoder } from '../arrow/arrow-encoder.ts';
import type { StoredFile } from '../manifest/manifest.ts';
import { SHARD_SCHEMA, type ShardTypes, shardColumns } from './arrow-columns.ts';
import { BATCH_ROWS, copyRows, createRowBuffer } from './row-buffer.ts';
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
    await mkdir(folder, { recursive: true });
    return new ShardWriter(folder);
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

  /** Closes what is open; the folder is of no use then. */
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
}

function partName(index: number): string {
  return `part-${String(index).padStart(5, '0')}.arrow`;
}
