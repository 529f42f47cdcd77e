import { createHash } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { UsageError } from '../errors.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';

/** Config keys that may differ when a run is resumed: how long, how often and on how many threads, but not what is computed. */
const FREE = /^(name|threads|data\.eval(\.\d+)?|data\.evalBatchSize|train\..*)$/;

/**
 * Checks that a run is resumed with the config it was begun with.
 * @throws UsageError ERR_RESUME naming the first key that differs and may not
 */
export function checkResumable(begun: Config, now: Config): void {
  const before = flatten(begun);
  const after = flatten(now);
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    if (FREE.test(key) || before.get(key) === after.get(key)) continue;
    throw new UsageError(
      'ERR_RESUME',
      `${key} is ${after.get(key)} but the run was begun with ${before.get(key)}, and a resumed run must compute the same; leave it out, or start a new run.`,
    );
  }
}

/**
 * Names everything a run's weights depend on: the config (free keys aside), the graph and the training data.
 * @param manifestHashes of the training data's folders
 * @returns SHA-256 as hex
 */
export function hashRun(config: Config, graph: GraphSpec, manifestHashes: readonly string[]): string {
  // Where the data lie doesn't matter, only what they are.
  const keys = [...flatten(config)].filter(([key]) => !FREE.test(key) && !key.startsWith('data.train'));
  return sha256(JSON.stringify([keys, graph, manifestHashes]));
}

export function hashGraph(graph: GraphSpec): string {
  return sha256(JSON.stringify(graph));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function flatten(value: unknown, path = ''): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) return new Map([[path, value]]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, path ? `${path}.${key}` : key)]),
  );
}
