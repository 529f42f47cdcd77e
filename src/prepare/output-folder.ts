import { mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { PssError } from '../errors.ts';

/** A folder that appears whole or not at all: it is filled under another name beside its place and renamed at the end. */
export class OutputFolder {
  readonly #path: string;
  /** Where to write until `commit`. */
  readonly temporary: string;

  private constructor(path: string) {
    this.#path = path;
    this.temporary = `${path}.tmp-${process.pid}`;
  }

  /**
   * @param path must not exist, or be an empty folder
   * @throws PssError ERR_OUTPUT
   */
  static async create(path: string): Promise<OutputFolder> {
    const folder = new OutputFolder(await checkFree(path));
    try {
      await mkdir(dirname(folder.#path), { recursive: true });
      await rm(folder.temporary, { recursive: true, force: true });
      await mkdir(folder.temporary);
    } catch (cause) {
      throw new PssError(
        'ERR_OUTPUT',
        `Cannot write to ${path}: ${(cause as Error).message}; choose another --out.`,
        {
          cause,
        },
      );
    }
    return folder;
  }

  /** Puts the folder in its place, on the disk for good. */
  async commit(): Promise<void> {
    for (const entry of await readdir(this.temporary, { withFileTypes: true })) {
      if (entry.isDirectory()) await syncFolder(`${this.temporary}/${entry.name}`);
    }
    await syncFolder(this.temporary);
    await rename(this.temporary, this.#path);
    await syncFolder(dirname(this.#path));
  }

  /** Removes what has been written. */
  async discard(): Promise<void> {
    await rm(this.temporary, { recursive: true, force: true });
  }
}

/** @returns the absolute path, links followed, since a link can't be replaced by a folder */
async function checkFree(path: string): Promise<string> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new PssError('ERR_OUTPUT', `Cannot use ${path}: ${error.message}; choose another --out.`, {
      cause: error,
    });
  });
  if (!info) return resolve(path);
  if (!info.isDirectory()) {
    throw new PssError('ERR_OUTPUT', `${path} is a file; choose another --out, where a folder can be made.`);
  }
  if ((await readdir(path)).length > 0) {
    throw new PssError(
      'ERR_OUTPUT',
      `The folder ${path} isn't empty, and nothing in it is overwritten; choose another --out or remove the folder.`,
    );
  }
  return realpath(path);
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
