import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Reference runs and real rows that can't be part of the project; `PSS_SHARED` overrides where they lie. */
export const sharedFolder = process.env['PSS_SHARED'] ?? resolve(repositoryRoot, '..', 'shared');

/** A path in the shared folder. */
export function sharedPath(...parts: readonly string[]): string {
  return join(sharedFolder, ...parts);
}

/** Why a test that needs this file of the shared folder can't run, or undefined when it can; for `testUnless`. */
export function missingShared(...parts: readonly string[]): string | undefined {
  const path = sharedPath(...parts);
  return existsSync(path) ? undefined : `${path} isn't here`;
}
