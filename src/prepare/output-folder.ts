import { open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileProblem, PssError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';

const UNFINISHED = 'unfinished';

/**
 * A folder that appears whole or not at all. Until then everything lies in another one beside its place: what it will hold in `output`,
 * what only the work itself needs in `state`.
 */
export class OutputFolder {
  readonly #path: string;
  readonly #unfinished: string;

  private constructor(path: string, suffix: string) {
    this.#path = path;
    this.#unfinished = `${path}.${suffix}`;
  }

  /**
   * For work that begins anew every time.
   * @param path must not exist, or be an empty folder
   * @throws PssError ERR_OUTPUT
   */
  static async create(path: string): Promise<OutputFolder> {
    const folder = new OutputFolder(await checkFree(path), `tmp-${process.pid}`);
    await folder.discard();
    return folder.#make(path);
  }

  /**
   * For work that may be taken up again: everything lies in `PATH.unfinished` meanwhile.
   * @param path must not exist, or be an empty folder
   * @param resume take up what an earlier run left, if there is something
   * @throws PssError ERR_OUTPUT, ERR_UNFINISHED when an earlier run left something that isn't to be taken up
   */
  static async open(path: string, resume: boolean): Promise<OutputFolder> {
    const folder = new OutputFolder(await checkFree(path), UNFINISHED);
    if ((await exists(folder.#unfinished)) && !resume) {
      throw new PssError(
        'ERR_UNFINISHED',
        `An earlier run was interrupted and left ${path}.unfinished; add --resume to go on with it, or remove that folder.`,
      );
    }
    return folder.#make(path);
  }

  /**
   * Ends what a run left that was stopped after it had put the folder in its place.
   * @returns whether there was such a run
   */
  static async finishCommit(path: string): Promise<boolean> {
    const folder = new OutputFolder(await realpath(path).catch(() => resolve(path)), UNFINISHED);
    const ended = (await exists(folder.#unfinished)) && !(await exists(folder.output));
    if (!ended || !(await exists(folder.#path))) return false;
    await folder.discard();
    return true;
  }

  /** What becomes the folder. */
  get output(): string {
    return join(this.#unfinished, 'output');
  }

  /** What goes when the folder is there. */
  get state(): string {
    return join(this.#unfinished, 'state');
  }

  /** Puts the folder in its place, on the disk for good. */
  async commit(): Promise<void> {
    for (const entry of await readdir(this.output, { withFileTypes: true })) {
      if (entry.isDirectory()) await syncFolder(join(this.output, entry.name));
    }
    await syncFolder(this.output);
    await rename(this.output, this.#path);
    await syncFolder(dirname(this.#path));
    await this.discard();
  }

  async #make(path: string): Promise<OutputFolder> {
    try {
      await makeFolder(dirname(this.#path));
      await makeFolder(this.output);
      await makeFolder(this.state);
      return this;
    } catch (cause) {
      throw new PssError(
        'ERR_OUTPUT',
        `Cannot write to ${path}: ${fileProblem(cause)}; choose another --out.`,
        { cause },
      );
    }
  }

  /** Removes what has been written. */
  async discard(): Promise<void> {
    await rm(this.#unfinished, { recursive: true, force: true });
  }
}

/** @returns the absolute path, links followed, since a link can't be replaced by a folder */
async function checkFree(path: string): Promise<string> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new PssError('ERR_OUTPUT', `Cannot use ${path}: ${fileProblem(error)}; choose another --out.`, {
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

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
