import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { loadAddon } from '../addon/load.ts';
import type { StoredFile } from '../manifest/manifest.ts';

/** Read at a time of a file to go on with. */
const RESUME_BYTES = 1 << 20;

/**
 * Of a file being written, so much stays in the page cache. Shards without end would push everything else out of it, count against the
 * limit of a container, and wait for the disk at their end; and fresh pages cost more than those just given back.
 */
const CACHED_BYTES = 32 << 20;
/** Less than this at a time isn't worth a call. */
const WRITE_BEHIND_BYTES = 4 << 20;

/** A new file whose size and checksum are known when it is closed, by when it is on the disk. */
export class StoredFileWriter {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;
  /** Bytes that the disk has been told to write. */
  #behind = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async create(path: string): Promise<StoredFileWriter> {
    return new StoredFileWriter(path, await open(path, 'wx'));
  }

  /**
   * Goes on with a file as it was when it had `sizeBytes`; what follows in it is dropped.
   * @throws Error when it has fewer bytes
   */
  static async resume(path: string, sizeBytes: number): Promise<StoredFileWriter> {
    const handle = await open(path, 'r+');
    const file = new StoredFileWriter(path, handle);
    try {
      const memory = new Uint8Array(RESUME_BYTES);
      while (file.#sizeBytes < sizeBytes) {
        const wanted = Math.min(memory.length, sizeBytes - file.#sizeBytes);
        const { bytesRead } = await handle.read(memory, 0, wanted, file.#sizeBytes);
        if (bytesRead === 0) throw new Error(`${path} has only ${file.#sizeBytes} of ${sizeBytes} bytes`);
        file.#hash.update(memory.subarray(0, bytesRead));
        file.#sizeBytes += bytesRead;
      }
      await handle.truncate(sizeBytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return file;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The chunks may be changed once the promise has settled. */
  async write(chunks: readonly Uint8Array[]): Promise<void> {
    // The disk and the checksum work on the same bytes at the same time.
    const written = this.#writeAll(chunks);
    for (const chunk of chunks) {
      this.#hash.update(chunk);
      this.#sizeBytes += chunk.byteLength;
    }
    await written;
  }

  async #writeAll(chunks: readonly Uint8Array[]): Promise<void> {
    let left = [...chunks];
    let at = this.#sizeBytes;
    while (left.length > 0) {
      let { bytesWritten } = await this.#handle.writev(left, at);
      at += bytesWritten;
      left = left.flatMap((chunk) => {
        const taken = Math.min(bytesWritten, chunk.byteLength);
        bytesWritten -= taken;
        return taken === chunk.byteLength ? [] : [chunk.subarray(taken)];
      });
    }
    if (at - this.#behind < WRITE_BEHIND_BYTES) return;
    await loadAddon().writeBehind(
      this.#handle.fd,
      this.#behind,
      at,
      Math.max(0, this.#behind - CACHED_BYTES),
    );
    this.#behind = at;
  }

  async finish(rows: number): Promise<StoredFile> {
    await this.#handle.sync();
    await this.#handle.close();
    return {
      name: basename(this.#path),
      rows,
      sizeBytes: this.#sizeBytes,
      sha256: this.#hash.digest('hex'),
    };
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.#handle.close();
  }
}
