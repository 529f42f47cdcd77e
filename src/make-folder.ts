import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder, and those above it that aren't there; one that is there already stays as it is.
 *
 * Node's own `mkdir` with `recursive` never returns where the system says that a folder is missing although all above it are there, as
 * below /proc: this one passes the error on.
 * @throws the system's error, e.g. ENOENT, EACCES; EEXIST where a file has the name
 */
export async function makeFolder(path: string): Promise<void> {
  const whole = resolve(path);
  if (await makeOne(whole)) return;
  await makeFolder(dirname(whole));
  if (!(await makeOne(whole))) {
    throw Object.assign(new Error(`ENOENT: nothing can be made here, mkdir '${whole}'`), { code: 'ENOENT' });
  }
}

/** @returns false when the folder above is missing */
async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && dirname(path) !== path) return false;
    const isFolder = code === 'EEXIST' && (await stat(path)).isDirectory();
    if (!isFolder) throw error;
  }
  return true;
}
