import { readFileSync } from 'node:fs';

/** The version of this package, e.g. `0.1.0`. */
export const PSS_VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
