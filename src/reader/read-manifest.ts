import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { fileProblem, PssError } from '../errors.ts';
import { MANIFEST_FILE, manifestSchema } from '../manifest/manifest.ts';

/** What reading relies on; the manifest's further fields are for people. */
const readSchema = manifestSchema.pick({
  schemaVersion: true,
  profile: true,
  ids: true,
  rows: true,
  clicks: true,
  tableSizes: true,
  distinct: true,
  files: true,
});

export type ReadManifest = z.infer<typeof readSchema>;

/**
 * Reads and checks a prepared folder's manifest.
 * @returns the manifest and the SHA-256 of its bytes, which names the data set
 * @throws PssError ERR_MANIFEST when it is missing, isn't JSON, lacks a field, or contradicts itself
 */
export async function readManifest(folder: string): Promise<{ manifest: ReadManifest; hash: string }> {
  const path = join(folder, MANIFEST_FILE);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const what = cause.code === 'ENOENT' ? 'there is none' : fileProblem(cause);
    throw new PssError(
      'ERR_MANIFEST',
      `${path} can't be read (${what}); give a folder written by "pss prepare".`,
      { cause },
    );
  });
  const manifest = parseManifest(bytes.toString('utf8'), path);
  return { manifest, hash: createHash('sha256').update(bytes).digest('hex') };
}

function parseManifest(text: string, path: string): ReadManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw broken(path, `isn't JSON (${(cause as Error).message})`, cause);
  }
  const parsed = readSchema.safeParse(json);
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
  if (rows === 0)
    throw new PssError('ERR_MANIFEST', `${path} describes no rows; prepare a larger share of the data.`);
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
