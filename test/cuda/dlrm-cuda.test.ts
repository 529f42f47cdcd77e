import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions, OptimizerSpec } from '../../src/addon/addon-types.ts';
import { parseConfig } from '../../src/config/config.ts';
import { buildModel } from '../../src/models/build-model.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import { assertNear } from '../helpers/float-error.ts';
import { readAll, SGD, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('DLRM on CUDA');
const seed = testSeed(80);
const reason = missingCuda();
const TABLES = [3, 40, 500, 7, 90];
const NUM_DENSE = 4;
const STEPS = 20;
const BATCH = 24;

/** Every embedding kind and hash, chunks aligned and not. */
const EMBEDDINGS = {
  full: ['embedding.kind=full'],
  hash: ['embedding.kind=hash', 'embedding.memorySize=1200'],
  robe: ['embedding.memorySize=1001', 'embedding.chunkSize=8'],
  'robe apd10': ['embedding.memorySize=1001', 'embedding.chunkSize=5', 'embedding.hash=apd10'],
  'robe aligned': ['embedding.memorySize=1200', 'embedding.chunkSize=4', 'embedding.aligned=true'],
  hashednet: ['embedding.kind=hashednet', 'embedding.memorySize=1001'],
} as const;
const OPTIMIZERS = { sgd: 0.1, adagrad: 0.05, 'rowwise-adagrad': 0.05, adam: 0.002 } as const;

function graph(sets: readonly string[]) {
  const text = `
data: { train: none, eval: none, batchSize: ${BATCH} }
embedding: { kind: robe, dim: 12 }
model: { kind: dlrm, bottomMlp: [16, 12], topMlp: [16, 1] }
optimizer: { kind: sgd, learningRate: 0.1 }
`;
  const data = { numDense: NUM_DENSE, numTables: TABLES.length, ids: 'vocab', tableSizes: TABLES } as const;
  return buildModel(parseConfig(text, 'small', sets), data).graph;
}

/** Rows whose label follows the first dense feature and an id, so that there is something to learn. */
function makeRows(count: number) {
  const random = new SeededRandom(seed);
  const dense = random.floats(count * NUM_DENSE);
  const sparse = random.ids(count, TABLES);
  const labels = Uint8Array.from({ length: count }, (_, b) => {
    const signal = (dense[b * NUM_DENSE] as number) + ((sparse[b * TABLES.length + 2] as number) % 2);
    return signal > 0.5 ? 1 : 0;
  });
  return { labels, dense, sparse };
}

/** Losses and everything learned in 20 steps, the last of fewer rows. */
function train(sets: readonly string[], kind: keyof typeof OPTIMIZERS, options: Partial<EngineOptions>) {
  const optimizer: OptimizerSpec = {
    ...SGD,
    kind,
    initialAccumulator: kind.includes('adagrad') ? 0.01 : 0,
  };
  const engineOptions = { batchSize: BATCH, guards: false, optimizer, ...options };
  return withEngine(graph(sets), engineOptions, async (engine) => {
    const rates = new Float64Array(STEPS).fill(OPTIMIZERS[kind]);
    const { losses, appliedSteps } = await engine.train(makeRows(STEPS * BATCH - 7), BATCH, 1, rates);
    assert.is(appliedSteps, STEPS);
    return { losses, learned: await readAll(engine) };
  });
}

for (const [embedding, sets] of Object.entries(EMBEDDINGS)) {
  for (const gradient of ['dense', 'sparse'] as const) {
    testUnless(
      test,
      reason,
      `${embedding}, ${gradient} gradient: ${STEPS} steps end where the CPU's end, with every optimizer`,
      async () => {
        const all = [...sets, `embedding.gradient=${gradient}`];
        for (const kind of Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[]) {
          const cpu = await train(all, kind, {});
          for (const deterministic of [true, false]) {
            const cuda = await train(all, kind, { device: 'cuda', deterministic });
            // What golden runs allow another implementation: sums in another order stay well inside.
            cpu.losses.forEach((loss, step) => {
              const apart = Math.abs((cuda.losses[step] as number) - loss);
              assert.ok(apart <= 2e-5 * loss, `${kind}, loss of step ${step + 1}: ${apart} apart`);
            });
            assertNear(cuda.learned, cpu.learned, 1e-4, 0.01);
          }
        }
      },
    );
  }
}

test.run();
