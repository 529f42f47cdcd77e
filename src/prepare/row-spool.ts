import { open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowBuffer } from '../addon/criteo-types.ts';
import { makeFolder } from '../make-folder.ts';
import { BATCH_ROWS, ROW_BYTES, rowsFromBytes, rowsToBytes, sliceRows } from './row-buffer.ts';

/** What a spool holds: its batches are the files `first`, `first + 1`, … of its folder. */
export interface SpoolState {
  readonly first: number;
  /** Rows of each batch. */
  readonly rows: readonly number[];
}

/**
 * Rows waiting on the disk, first in, first out, so that any number of them can wait for their destination. Batches taken out stay on
 * the disk until `forget`, so that the spool can be restored to any state it had since the last one.
 */
export class RowSpool {
  readonly #folder: string;
  readonly #rows: number[];
  #first: number;
  #oldest: number;
  #memory: ArrayBuffer | undefined;

  private constructor(folder: string, { first, rows }: SpoolState) {
    this.#folder = folder;
    this.#first = first;
    this.#oldest = first;
    this.#rows = [...rows];
  }

  /** @param folder a folder of its own, made when it isn't there; what `state` doesn't name in it is removed */
  static async open(folder: string, state: SpoolState = { first: 0, rows: [] }): Promise<RowSpool> {
    await makeFolder(folder);
    const last = state.first + state.rows.length;
    for (const name of await readdir(folder)) {
      if (!(Number(name) >= state.first && Number(name) < last)) await rm(join(folder, name));
    }
    return new RowSpool(folder, state);
  }

  /** Batches that wait. */
  get length(): number {
    return this.#rows.length;
  }

  /** Rows of the batch that has waited longest, 0 when none waits. */
  get frontRows(): number {
    return this.#rows[0] ?? 0;
  }

  get state(): SpoolState {
    return { first: this.#first, rows: [...this.#rows] };
  }

  /** Adds rows `from` to (not with) `to`, at most a batch, which may be changed once the promise has settled. */
  async push(rows: RowBuffer, from: number, to: number): Promise<void> {
    const bytes = rowsToBytes(sliceRows(rows, from, to));
    await writeFile(this.#path(this.#first + this.#rows.length), bytes);
    this.#rows.push(to - from);
  }

  /** Takes the batch that has waited longest; it is valid until the next one is taken or looked at. */
  async shift(): Promise<RowBuffer | undefined> {
    const rows = this.#rows[0];
    if (rows === undefined) return undefined;
    const batch = await this.#read(this.#first, rows);
    this.#first++;
    this.#rows.shift();
    return batch;
  }

  /** All batches that wait, which they go on doing; each is valid until the next one. */
  async *peek(): AsyncGenerator<RowBuffer> {
    for (const [i, rows] of this.#rows.entries()) yield this.#read(this.#first + i, rows);
  }

  /** Removes from the disk what has been taken. */
  async forget(): Promise<void> {
    while (this.#oldest < this.#first) await rm(this.#path(this.#oldest++), { force: true });
  }

  async #read(index: number, rows: number): Promise<RowBuffer> {
    this.#memory ??= new ArrayBuffer(BATCH_ROWS * ROW_BYTES);
    const bytes = new Uint8Array(this.#memory, 0, rows * ROW_BYTES);
    const file = await open(this.#path(index));
    try {
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
        if (bytesRead === 0) throw new Error(`${this.#path(index)} ends too early`);
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
    return rowsFromBytes(this.#memory, rows);
  }

  #path(index: number): string {
    return join(this.#folder, String(index));
  }
}
