import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** SHA-256 of every file of a folder, by path. */
export function fingerprint(path: string, inside = ''): Record<string, string> {
  const result: Record<string, string> = {};
  for (const entry of readdirSync(join(path, inside), { withFileTypes: true })) {
    const name = join(inside, entry.name);
    if (entry.isDirectory()) Object.assign(result, fingerprint(path, name));
    else
      result[name] = createHash('sha256')
        .update(readFileSync(join(path, name)))
        .digest('hex');
  }
  return result;
}
