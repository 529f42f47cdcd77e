import { access, constants, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileProblem, PssError, UsageError } from '../errors.ts';
import { MANIFEST_FILE } from '../manifest/manifest.ts';

/** The raw files to read, in order. */
export interface RawInputs {
  /** Paths, as given or inside a given folder; `-` is standard input. */
  readonly files: readonly string[];
  /** What tells that a file is still the same; of standard input, pipes and devices the name alone. */
  readonly identities: readonly InputIdentity[];
  /** All of them together, as they lie on the disk; undefined when one isn't a regular file. */
  readonly sizeBytes: number | undefined;
}

export interface InputIdentity {
  readonly name: string;
  readonly sizeBytes?: number;
  /** Milliseconds since 1970. */
  readonly modified?: number;
}

/**
 * Expands folders into their files (hidden ones and folders inside left out), in natural order: `day_2` before `day_10`.
 * @throws PssError ERR_INPUT when something is missing, unreadable or empty, naming it
 */
export async function findInputs(paths: readonly string[]): Promise<RawInputs> {
  if (paths.length === 0) {
    throw new UsageError(
      'ERR_INPUT',
      'There is nothing to prepare; name raw files, folders, or - for standard input.',
    );
  }
  if (paths.filter((path) => path === '-').length > 1) {
    throw new UsageError('ERR_INPUT', 'Standard input (-) is named twice; it can be read once.');
  }
  const identities: InputIdentity[] = [];
  for (const path of paths) {
    const inside = path === '-' ? ['-'] : await expand(path);
    for (const file of inside) identities.push(await identify(file));
  }
  const sizes = identities.flatMap((identity) => identity.sizeBytes ?? []);
  const sizeBytes =
    sizes.length === identities.length ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
  return { files: identities.map(({ name }) => name), identities, sizeBytes };
}

async function expand(path: string): Promise<string[]> {
  const info = await orInputError(path, stat(path));
  if (!info.isDirectory()) return [path];
  const entries = await orInputError(path, readdir(path, { withFileTypes: true }));
  const names = entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name);
  if (names.length === 0) {
    throw new PssError('ERR_INPUT', `The folder ${path} holds no files; name one with raw Criteo files.`);
  }
  if (names.includes(MANIFEST_FILE) && names.some((name) => name.endsWith('.arrow'))) {
    throw new PssError('ERR_INPUT', `The folder ${path} is prepared already; train reads it as it is.`);
  }
  return names.sort(compareNaturally).map((name) => join(path, name));
}

async function identify(name: string): Promise<InputIdentity> {
  if (name === '-') return { name };
  // Now rather than hours later, when its turn comes.
  await orInputError(name, access(name, constants.R_OK));
  const info = await orInputError(name, stat(name));
  return info.isFile() ? { name, sizeBytes: info.size, modified: info.mtimeMs } : { name };
}

async function orInputError<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file or folder; check the path',
      EACCES: 'it may not be read by this user; change its permissions',
    };
    throw new PssError('ERR_INPUT', `Cannot read ${path}: ${reasons[code] ?? fileProblem(cause)}.`, {
      cause,
    });
  }
}

/** Digits compare as numbers, the rest by code point. */
export function compareNaturally(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x = '', y = ''] = [left[i], right[i]];
    const difference = /^\d/.test(x) && /^\d/.test(y) ? Number(x) - Number(y) : 0;
    if (difference !== 0) return difference;
    if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length;
}
