import type { ReportRun } from './report-run.ts';

/** A configuration key in which runs differ, with each run's value in their order; `-` where a run has no such key. */
export interface ConfigDifference {
  readonly key: string;
  readonly values: readonly string[];
}

/** The keys in which the configurations of runs differ, in their order; names aside. */
export function configDifferences(runs: readonly ReportRun[]): ConfigDifference[] {
  const flat = runs.map(({ history }) => flatten(history.start.config));
  const keys = new Set(flat.flatMap((config) => [...config.keys()]));
  return [...keys]
    .map((key) => ({ key, values: flat.map((config) => config.get(key) ?? '-') }))
    .filter(({ key, values }) => key !== 'name' && new Set(values).size > 1);
}

function flatten(value: unknown, path = ''): Map<string, string> {
  if (Array.isArray(value)) return new Map([[path, value.join(', ')]]);
  if (typeof value !== 'object' || value === null) return new Map([[path, String(value)]]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, path ? `${path}.${key}` : key)]),
  );
}
