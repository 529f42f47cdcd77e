import { readdirSync } from 'node:fs';

/** Configurations of a folder, by name. */
export function yamlFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .sort();
}
