import type { EngineOptions, NativeBatch } from '../../src/addon/addon-types.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';
import { buildModel } from '../../src/models/build-model.ts';
import { philox4x32 } from '../../src/random/philox.ts';

export const TINY_TABLE_SIZES: readonly number[] = Array.from({ length: 26 }, (_, t) => 20 + 7 * t);

/** A small DLRM over 26 tables; `sets` change its config. */
export function tinyGraph(...sets: readonly string[]): GraphSpec {
  const config = parseConfig(
    `
data: { train: none, eval: none, batchSize: 64 }
embedding: { kind: robe, dim: 16, memorySize: 4000, chunkSize: 8 }
model: { kind: dlrm, bottomMlp: [32, 16], topMlp: [32, 1] }
optimizer: { kind: sgd, learningRate: 0.1 }
`,
    'tiny',
    sets,
  );
  return buildModel(config, { numDense: 13, numTables: 26, ids: 'vocab', tableSizes: TINY_TABLE_SIZES })
    .graph;
}

/** Options of an engine for tests: sentinels on. */
export function tinyOptions(options: Partial<EngineOptions> = {}): EngineOptions {
  return {
    batchSize: 64,
    threads: 2,
    seed: 1,
    optimizer: { kind: 'sgd', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, initialAccumulator: 0 },
    isa: 'auto',
    training: true,
    guards: true,
    ...options,
  };
}

/** Rows whose label depends on the first dense feature and the first id, so that there is something to learn. */
export function tinyBatch(rows: number, seed = 1): NativeBatch {
  const labels = new Uint8Array(rows);
  const dense = new Float32Array(rows * 13);
  const sparse = new Uint32Array(rows * 26);
  const words = new Uint32Array(4);
  let drawn = 0;
  const uniform = () => {
    if (drawn % 4 === 0) philox4x32(words, [drawn / 4, 0, 0, 0], [seed, 0]);
    return (words[drawn++ % 4] as number) / 2 ** 32;
  };
  for (let b = 0; b < rows; b++) {
    for (let j = 0; j < 13; j++) dense[b * 13 + j] = 2 * uniform();
    for (let t = 0; t < 26; t++)
      sparse[b * 26 + t] = Math.floor(uniform() ** 2 * (TINY_TABLE_SIZES[t] as number));
    labels[b] = (dense[b * 13] as number) + ((sparse[b * 26] as number) % 2) > 1.5 ? 1 : 0;
  }
  return { labels, dense, sparse };
}

/** A learning rate for each of `steps` steps. */
export function constantRates(steps: number, rate = 0.1): Float64Array {
  return new Float64Array(steps).fill(rate);
}
