import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeBatch, NativeEngine } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { parseConfig } from '../../src/config/config.ts';
import { buildModel } from '../../src/models/build-model.ts';
import { dot } from '../helpers/float-error.ts';
import { given, readTensor } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { TINY_TABLE_SIZES, tinyBatch, tinyOptions } from '../helpers/tiny-model.ts';

const test = suite('gradients of whole models');
const seed = testSeed(80);
const { Engine } = loadAddon();

const MODELS = [
  '{ kind: dlrm, bottomMlp: [12, 8], topMlp: [10, 1] }',
  '{ kind: dcn, crossLayers: 2, mlp: [10, 7] }',
  '{ kind: dcn, crossKind: matrix, crossLayers: 2, mlp: [10, 7] }',
  '{ kind: autoint, attentionLayers: 2, attentionDim: 3, heads: 2, mlp: [10] }',
  '{ kind: deepfm, mlp: [10, 7], dropout: 0.3 }',
  '{ kind: xdeepfm, cinLayers: [6, 5], mlp: [10] }',
  '{ kind: fibinet, bilinear: interaction, mlp: [10] }',
  '{ kind: fibinet, bilinear: each, mlp: [10], dropout: 0.3 }',
];

const KINDS = [
  '{ kind: full, dim: 8 }',
  '{ kind: hash, dim: 8, memorySize: 2400 }',
  '{ kind: robe, dim: 8, memorySize: 2500, chunkSize: 4 }',
  '{ kind: hashednet, dim: 8, memorySize: 2500 }',
  '{ kind: qr, dim: 8, memorySize: 6000 }',
  '{ kind: md, dim: 8, memorySize: 6000 }',
  '{ kind: tt, dim: 8, memorySize: 9000 }',
  '{ kind: jlt, dim: 8, memorySize: 2400 }',
];

const ROWS = 40;
/** Of a step along a direction: short, for a step over a ReLU's kink shows in the difference. */
const LENGTH = 0.0006;

/** Every third table or matrix of many, and all parameters that are one of a kind. */
function picked(names: readonly string[]): string[] {
  return names.filter((name) => !/^(embedding|linear|bilinear)\.(?!0\.|7\.|24\.)\d+\./.test(name));
}

/** (loss(w + v) − loss(w − v)) / 2, where v is a step along `direction`. */
async function slope(
  engine: NativeEngine,
  batch: NativeBatch,
  name: string,
  weights: Float32Array,
  step: Float32Array,
): Promise<number> {
  const losses: number[] = [];
  for (const sign of [1, -1]) {
    await engine.write(
      name,
      0,
      weights.map((weight, i) => weight + sign * (step[i] as number)),
    );
    losses.push((await engine.trace(batch)).loss);
  }
  await engine.write(name, 0, weights);
  return ((losses[0] as number) - (losses[1] as number)) / 2;
}

async function check(model: string, embedding: string): Promise<void> {
  const config = parseConfig(
    `data: { train: none, eval: none, batchSize: ${ROWS} }
embedding: ${embedding}
model: ${model}
optimizer: { kind: sgd, learningRate: 0.1 }
`,
    'tiny',
  );
  const facts = { numDense: 13, numTables: 26, ids: 'vocab', tableSizes: TINY_TABLE_SIZES } as const;
  const random = new SeededRandom(seed);
  const engine = new Engine(buildModel(config, facts).graph, tinyOptions({ batchSize: ROWS, seed: 5 }));
  try {
    const batch = tinyBatch(ROWS, seed);
    // First-order weights and some biases begin at zero, where a model may hide what it does with them.
    for (const { name, size } of engine.parameters()) {
      if (!/^(linear|out|cross|cin)\..*(weight|bias|memory)$/.test(name)) continue;
      await engine.write(
        name,
        0,
        random.floats(size).map((value) => 0.1 * value),
      );
    }
    const { parameterGradients } = await engine.trace(batch);
    for (const name of picked(engine.parameters().map((parameter) => parameter.name))) {
      const weights = await readTensor(engine, name);
      const gradient = given(parameterGradients[name]);
      const direction = random.floats(weights.length);
      const length = LENGTH / Math.sqrt(dot(direction, direction));
      const step = direction.map((value) => length * value);
      const expected = dot(gradient, step);
      // Float32 leaves about 1e-7 of noise in a loss.
      const allowed = 4e-7 + 0.03 * LENGTH * Math.sqrt(dot(gradient, gradient));
      const error = Math.abs((await slope(engine, batch, name, weights, step)) - expected);
      assert.ok(error <= allowed, `${name}: ${error} > ${allowed}`);
    }
  } finally {
    await engine.dispose();
  }
}

for (const model of MODELS) {
  test(`${model} agrees with differences of its loss under every embedding kind`, async () => {
    for (const embedding of KINDS) await check(model, embedding);
  });
}

test.run();
