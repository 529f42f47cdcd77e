import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingCuda } from '../helpers/cuda-device.ts';
import { sameBits } from '../helpers/float-error.ts';
import { testSeed } from '../helpers/seeded-random.ts';
import {
  assertSameTraining,
  type OptimizerKind,
  STEPS,
  smallGraph,
  trainSteps,
} from '../helpers/short-training.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('deep models on CUDA');
const seed = testSeed(81);
const reason = missingCuda();

const MODELS = [
  'kind: deepfm, mlp: [16, 10]',
  'kind: dcn, crossLayers: 4, mlp: [16]',
  'kind: dcn, crossKind: matrix, crossLayers: 2, mlp: [10]',
  'kind: autoint, attentionLayers: 2, attentionDim: 3, heads: 2, mlp: [10]',
  'kind: xdeepfm, cinLayers: [6, 5], mlp: [10]',
  'kind: fibinet, bilinear: interaction, mlp: [10]',
];
const REGULARISED = 'dropout: 0.3, l2: { embedding: 0.001, linear: 0.002, mlp: 0.003 }';

/** Kinds by how slots are made (one lookup, sums of several, joined parts), gradients, optimizers. */
const CASES: readonly (readonly [string, 'dense' | 'sparse', OptimizerKind])[] = [
  ['kind: full, dim: 12', 'sparse', 'adam'],
  ['kind: robe, dim: 12, memorySize: 1001, chunkSize: 8', 'dense', 'sgd'],
  ['kind: robe, dim: 12, memorySize: 1001, chunkSize: 8', 'sparse', 'rowwise-adagrad'],
  ['kind: hashednet, dim: 7, memorySize: 1001', 'sparse', 'adagrad'],
  ['kind: qr, dim: 12, memorySize: 2600', 'dense', 'rowwise-adagrad'],
];

for (const model of MODELS) {
  testUnless(
    test,
    reason,
    `${model}: ${STEPS} steps with dropout and L2 end where the CPU's end`,
    async () => {
      for (const [embedding, gradient, kind] of CASES) {
        const graph = smallGraph(`{ ${model}, ${REGULARISED} }`, [
          `embedding={ ${embedding}, gradient: ${gradient} }`,
        ]);
        const cpu = await trainSteps(graph, kind, seed, {});
        const cuda = await trainSteps(graph, kind, seed, { device: 'cuda' });
        assertSameTraining(cuda, cpu, `${embedding}, ${kind}`);
      }
    },
  );

  testUnless(test, reason, `${model}: the same bits with and without captured steps`, async () => {
    const graph = smallGraph(`{ ${model}, ${REGULARISED} }`, [
      'embedding={ kind: robe, dim: 12, memorySize: 1001, chunkSize: 8 }',
    ]);
    const captured = await trainSteps(graph, 'adam', seed, { device: 'cuda' });
    const queued = await trainSteps(graph, 'adam', seed, { device: 'cuda', graphs: false });
    assert.equal(captured.losses, queued.losses);
    for (const [name, values] of queued.learned) {
      assert.ok(sameBits(captured.learned.get(name) as Float32Array, values), name);
    }
  });
}

testUnless(test, reason, 'L2 reaches what atomics add up as well', async () => {
  const model = `{ kind: deepfm, mlp: [10], ${REGULARISED} }`;
  for (const gradient of ['dense', 'sparse']) {
    const graph = smallGraph(model, [
      `embedding={ kind: robe, dim: 12, memorySize: 1001, gradient: ${gradient} }`,
    ]);
    for (const kind of ['sgd', 'rowwise-adagrad'] as const) {
      const cuda = await trainSteps(graph, kind, seed, { device: 'cuda', deterministic: false });
      assertSameTraining(cuda, await trainSteps(graph, kind, seed, {}), `${gradient}, ${kind}`);
    }
  }
});

testUnless(
  test,
  reason,
  'compat: first components for first-order weights, and dropout that stops on the way',
  async () => {
    const graph = smallGraph('{ kind: deepfm, mlp: [16, 10], dropout: 0.3, compat: criteo_deepctr }', [
      'embedding={ kind: robe, dim: 12, memorySize: 1001, chunkSize: 1 }',
      'train={ evalEvery: 8 }',
    ]);
    for (const kind of ['sgd', 'adam'] as const) {
      const cuda = await trainSteps(graph, kind, seed, { device: 'cuda' });
      assertSameTraining(cuda, await trainSteps(graph, kind, seed, {}), kind);
    }
  },
);

test.run();
