import { globSync } from 'glob';
import { minimatch } from 'minimatch';
import { UsageError } from '../errors.ts';

const naturalOrder = new Intl.Collator('en', { numeric: true });

/**
 * The paths that the patterns of `data.train` or `data.eval` stand for.
 * Braces (`day_{0..22}`) keep their written order and each of their members must exist; what a glob finds comes in
 * natural order (`day_2` before `day_10`). A path found twice is kept once, where it came first.
 * @param key the configuration key the patterns come from, for errors
 * @param cwd what relative patterns start from
 * @throws UsageError ERR_DATA_PATH when a pattern finds nothing
 */
export function expandDataPaths(patterns: readonly string[], key: string, cwd = process.cwd()): string[] {
  const paths = patterns.flatMap((pattern) =>
    minimatch.braceExpand(pattern).flatMap((member) => {
      const found = globSync(member, { cwd }).sort(naturalOrder.compare);
      if (found.length > 0) return found;
      const inside = member === pattern ? '' : ` (${member})`;
      throw new UsageError(
        'ERR_DATA_PATH',
        `${key}: nothing matches "${pattern}"${inside}; prepare the data first (pss prepare) or correct the path.`,
      );
    }),
  );
  return [...new Set(paths)];
}
