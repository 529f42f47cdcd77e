import * as assert from 'uvu/assert';
import type { EngineOptions, OptimizerSpec } from '../../src/addon/addon-types.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';
import { buildModel } from '../../src/models/build-model.ts';
import { assertNear } from './float-error.ts';
import { readAll, SGD, withEngine } from './op-graphs.ts';
import { SeededRandom } from './seeded-random.ts';

const TABLES = [3, 40, 500, 7, 90];
const NUM_DENSE = 4;
const BATCH = 24;
/** Steps of a short training; the last has fewer rows. */
export const STEPS = 20;

/** Optimizers with learning rates that suit a short training. */
export const OPTIMIZERS = { sgd: 0.1, adagrad: 0.05, 'rowwise-adagrad': 0.05, adam: 0.002 } as const;
export type OptimizerKind = keyof typeof OPTIMIZERS;

/** What a training left behind. */
export interface Trained {
  readonly losses: Float64Array;
  readonly learned: ReadonlyMap<string, Float32Array>;
}

/**
 * A model over five small tables.
 * @param model the `model` section as one line of YAML
 * @param sets changes to the config
 */
export function smallGraph(model: string, sets: readonly string[]): GraphSpec {
  const text = `
data: { train: none, eval: none, batchSize: ${BATCH} }
embedding: { kind: robe, dim: 12 }
model: ${model}
optimizer: { kind: sgd, learningRate: 0.1 }
`;
  const data = { numDense: NUM_DENSE, numTables: TABLES.length, ids: 'vocab', tableSizes: TABLES } as const;
  return buildModel(parseConfig(text, 'small', sets), data).graph;
}

/** Rows whose label follows the first dense feature and an id, so that there is something to learn. */
function makeRows(count: number, seed: number) {
  const random = new SeededRandom(seed);
  const dense = random.floats(count * NUM_DENSE);
  const sparse = random.ids(count, TABLES);
  const labels = Uint8Array.from({ length: count }, (_, b) => {
    const signal = (dense[b * NUM_DENSE] as number) + ((sparse[b * TABLES.length + 2] as number) % 2);
    return signal > 0.5 ? 1 : 0;
  });
  return { labels, dense, sparse };
}

/**
 * Losses and everything learned in 20 steps.
 * @param seed of the rows
 */
export function trainSteps(
  graph: GraphSpec,
  kind: OptimizerKind,
  seed: number,
  options: Partial<EngineOptions>,
): Promise<Trained> {
  const optimizer: OptimizerSpec = {
    ...SGD,
    kind,
    initialAccumulator: kind.includes('adagrad') ? 0.01 : 0,
  };
  const engineOptions = { batchSize: BATCH, guards: false, optimizer, ...options };
  return withEngine(graph, engineOptions, async (engine) => {
    const rates = new Float64Array(STEPS).fill(OPTIMIZERS[kind]);
    const { losses, appliedSteps } = await engine.train(makeRows(STEPS * BATCH - 7, seed), BATCH, 1, rates);
    assert.is(appliedSteps, STEPS);
    return { losses, learned: await readAll(engine) };
  });
}

/** Checks that two trainings stay as near as golden runs ask of another implementation: sums in another order stay well inside. */
export function assertSameTraining(actual: Trained, expected: Trained, what: string): void {
  expected.losses.forEach((loss, step) => {
    const apart = Math.abs((actual.losses[step] as number) - loss);
    assert.ok(apart <= 2e-5 * loss, `${what}, loss of step ${step + 1}: ${apart} apart`);
  });
  assertNear(actual.learned, expected.learned, 1e-4, 0.01);
}
