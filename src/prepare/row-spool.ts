import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowBuffer } from '../addon/criteo-types.ts';
import { NUM_DENSE, NUM_TABLES } from '../manifest/manifest.ts';
import { sliceRows } from './row-buffer.ts';

/** Rows waiting on the disk, first in, first out, so that any number of them can wait for their destination. */
export class RowSpool {
  readonly #folder: string;
  readonly #waiting: { path: string; rows: number }[] = [];
  #added = 0;

  /** @param folder a folder of its own; made when something waits */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Rows of the batch that has waited longest, 0 when none waits. */
  get frontRows(): number {
    return this.#waiting[0]?.rows ?? 0;
  }

  /** Adds rows `from` to (not with) `to`, which may be changed once the promise has settled. */
  async push(rows: RowBuffer, from: number, to: number): Promise<void> {
    if (this.#added === 0) await mkdir(this.#folder);
    const path = join(this.#folder, String(this.#added++));
    const { label, dense, sparse } = sliceRows(rows, from, to);
    // The widest first, so that each part lies on a multiple of its element size.
    await writeFile(path, [dense, sparse, label]);
    this.#waiting.push({ path, rows: to - from });
  }

  /** Takes the batch that has waited longest. */
  async shift(): Promise<RowBuffer | undefined> {
    const front = this.#waiting.shift();
    if (!front) return undefined;
    // A copy, because a Buffer may lie anywhere in a larger one.
    const { buffer } = new Uint8Array(await readFile(front.path));
    await rm(front.path);
    const { rows } = front;
    const sparseAt = rows * NUM_DENSE * Float32Array.BYTES_PER_ELEMENT;
    const labelAt = sparseAt + rows * NUM_TABLES * Uint32Array.BYTES_PER_ELEMENT;
    return {
      dense: new Float32Array(buffer, 0, rows * NUM_DENSE),
      sparse: new Uint32Array(buffer, sparseAt, rows * NUM_TABLES),
      label: new Uint8Array(buffer, labelAt, rows),
    };
  }

  /** Removes what is left on the disk. */
  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
