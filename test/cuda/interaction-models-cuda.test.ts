import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions } from '../../src/addon/addon-types.ts';
import { parseConfig } from '../../src/config/config.ts';
import { buildModel } from '../../src/models/build-model.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import { assertNear } from '../helpers/float-error.ts';
import { readAll, SGD, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('models with interactions on CUDA');
const seed = testSeed(82);
const reason = missingCuda();
const TABLES = [3, 40, 500, 7, 90];
const NUM_DENSE = 4;
const STEPS = 20;
const BATCH = 12;

const MODELS = [
  'kind: autoint, attentionLayers: 2, attentionDim: 6, heads: 2',
  'kind: xdeepfm, cinLayers: [6, 5], dropout: 0.5',
  'kind: fibinet, dropout: 0.3',
] as const;
const EMBEDDINGS = [
  'kind: full',
  'kind: robe, memorySize: 1001, chunkSize: 4',
  'kind: qr, memorySize: 1200',
] as const;

function graph(model: string, embedding: string) {
  const text = `
data: { train: none, eval: none, batchSize: ${BATCH} }
embedding: { ${embedding}, dim: 8 }
model: { ${model}, mlp: [16] }
optimizer: { kind: sgd, learningRate: 0.1 }
`;
  const data = { numDense: NUM_DENSE, numTables: TABLES.length, ids: 'vocab', tableSizes: TABLES } as const;
  return buildModel(parseConfig(text, 'small', []), data).graph;
}

/** Losses and everything learned in 20 steps, the last of fewer rows. */
function train(model: string, embedding: string, options: Partial<EngineOptions>) {
  const random = new SeededRandom(seed);
  const count = STEPS * BATCH - 5;
  const rows = {
    labels: Uint8Array.from(random.floats(count), (value) => (value > 0 ? 1 : 0)),
    dense: random.floats(count * NUM_DENSE),
    sparse: random.ids(count, TABLES),
  };
  const all = { batchSize: BATCH, guards: false, optimizer: SGD, ...options };
  return withEngine(graph(model, embedding), all, async (engine) => {
    const { losses, appliedSteps } = await engine.train(rows, BATCH, 1, new Float64Array(STEPS).fill(0.05));
    assert.is(appliedSteps, STEPS);
    return { losses, learned: await readAll(engine) };
  });
}

for (const model of MODELS) {
  for (const embedding of EMBEDDINGS) {
    const name = `${model}; ${embedding}: ${STEPS} steps end where the CPU's end, and in the same bits twice`;
    testUnless(test, reason, name, async () => {
      const cpu = await train(model, embedding, {});
      const cuda = await train(model, embedding, { device: 'cuda' });
      // What golden runs allow another implementation: sums in another order stay well inside.
      cpu.losses.forEach((loss, step) => {
        const apart = Math.abs((cuda.losses[step] as number) - loss);
        assert.ok(apart <= 2e-5 * loss, `loss of step ${step + 1}: ${apart} apart`);
      });
      assertNear(cuda.learned, cpu.learned, 1e-4, 0.01);
      assert.equal(await train(model, embedding, { device: 'cuda' }), cuda);
    });
  }
}

test.run();
