import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PssError } from '../errors.ts';
import type { Addon } from './addon-types.ts';

let loaded: Addon | undefined;

/**
 * The native addon, loaded once per thread. PSS_ADDON names another build of it.
 * @throws PssError ERR_ADDON when it isn't built or doesn't load on this machine
 */
export function loadAddon(): Addon {
  if (loaded) return loaded;
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
  const path = process.env['PSS_ADDON'] ?? join(root, 'build', 'Release', 'pss.node');
  if (!existsSync(path)) {
    throw new PssError(
      'ERR_ADDON',
      `The native addon is missing at ${path}; run "npm run setup" to build it.`,
    );
  }
  try {
    loaded = createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    throw new PssError(
      'ERR_ADDON',
      `The native addon at ${path} doesn't load (${(error as Error).message}); run "npm run setup" to rebuild it.`,
      { cause: error },
    );
  }
  return loaded;
}
