import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PssError } from '../errors.ts';

export const MANIFEST_NAME = 'manifest.json';

/** Rows of every record batch of a part, but the last one, which may be shorter. */
export const RECORD_BATCH_ROWS = 65_536;

const count = z.int().nonnegative();

const partSchema = z.object({
  name: z.string().regex(/^[^/\\]+\.arrow$/, 'must be the plain name of an .arrow file'),
  rows: count.min(1),
  sizeBytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits'),
});

/** What a consumer of a prepared folder relies on; further fields are for people. */
const manifestSchema = z.object({
  schemaVersion: z.literal(1),
  /** How dense values were transformed. */
  dense: z.string(),
  ids: z.enum(['raw', 'vocab']),
  /** E_t of every column, with `ids: vocab`. */
  tableSizes: z.array(count.min(1)).optional(),
  /** Estimated number of different ids of every column, with `ids: raw`. */
  distinct: z.array(count).optional(),
  rows: count.min(1),
  clicks: count,
  recordBatchRows: count.min(1).default(RECORD_BATCH_ROWS),
  files: z.array(partSchema).min(1),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestPart = Manifest['files'][number];

/**
 * Reads and checks a prepared folder's manifest.
 * @returns the manifest and the SHA-256 of its bytes, which names the data set
 * @throws PssError ERR_MANIFEST when it is missing, isn't JSON, lacks a field, or contradicts itself
 */
export async function readManifest(folder: string): Promise<{ manifest: Manifest; hash: string }> {
  const path = join(folder, MANIFEST_NAME);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const what = cause.code === 'ENOENT' ? 'there is none' : cause.message;
    throw new PssError(
      'ERR_MANIFEST',
      `${path} can't be read (${what}); give a folder written by "pss prepare".`,
      { cause },
    );
  });
  const manifest = parseManifest(bytes.toString('utf8'), path);
  return { manifest, hash: createHash('sha256').update(bytes).digest('hex') };
}

function parseManifest(text: string, path: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw broken(path, `isn't JSON (${(cause as Error).message})`, cause);
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.length ? `at ${issue.path.join('.')}` : 'at its top level';
    throw broken(path, `is wrong ${where} (${issue?.message})`, parsed.error);
  }
  const manifest = parsed.data;
  const rows = manifest.files.reduce((sum, file) => sum + file.rows, 0);
  if (rows !== manifest.rows) {
    throw broken(path, `says ${manifest.rows} rows, but its files have ${rows}`);
  }
  if (manifest.clicks > manifest.rows) {
    throw broken(path, `says ${manifest.clicks} clicks in ${manifest.rows} rows`);
  }
  if (manifest.ids === 'vocab' && !manifest.tableSizes) {
    throw broken(path, 'has ids: vocab but no tableSizes');
  }
  return manifest;
}

function broken(path: string, what: string, cause?: unknown): PssError {
  return new PssError('ERR_MANIFEST', `${path} ${what}; prepare the data again.`, { cause });
}
