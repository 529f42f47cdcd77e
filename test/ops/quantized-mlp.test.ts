import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions, NativeBatch, NativeEngine } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';
import { mlp } from '../../src/models/mlp.ts';
import { calibrate } from '../../src/quantization/calibrate.ts';
import { findMlps } from '../../src/quantization/find-mlps.ts';
import { quantizeGraph } from '../../src/quantization/quantize-graph.ts';
import { sameBits } from '../helpers/float-error.ts';
import { availableIsas, given, readTensor, withEngine } from '../helpers/op-graphs.ts';
import { quantizedMlp } from '../helpers/quantized-definition.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { smallGraph } from '../helpers/short-training.ts';
import { tinyBatch, tinyGraph, tinyOptions } from '../helpers/tiny-model.ts';

const test = suite('quantized MLP');
const seed = testSeed(80);
const MEMORY = ['embedding.memorySize=3000'];
const predicting = { training: false, guards: true } as const;

/** Dense features through hidden layers; the last one's output is the graph's. */
function layersGraph(inputs: number, sizes: readonly number[]): GraphSpec {
  const graph = new GraphBuilder(inputs, 1);
  return graph.buildPart(mlp(graph, 'mlp', graph.denseInput(), sizes, { activateLast: true }));
}

function batchOf(rows: number, inputs: number, shift = 0): NativeBatch {
  const random = new SeededRandom(seed + rows + inputs + shift);
  // Columns of different sizes, one always 0, and one of one sign.
  const dense = random.floats(rows * inputs).map((value, i) => {
    const k = i % inputs;
    return k === 1 ? 0 : k === 2 ? Math.abs(value) : value * 3 ** (k % 5);
  });
  return { labels: Uint8Array.from({ length: rows }, (_, b) => b % 2), dense, sparse: new Uint32Array(rows) };
}

async function scalesOf(graph: GraphSpec, batch: NativeBatch) {
  return withEngine(graph, { ...predicting, batchSize: 1024 }, (engine) => calibrate(engine, graph, [batch]));
}

async function outputOf(graph: GraphSpec, batch: NativeBatch, options: Partial<EngineOptions>) {
  const name = given(graph.tensors[graph.logits]).name;
  return withEngine(graph, { ...predicting, batchSize: 1024, ...options }, async (engine) =>
    given((await engine.trace(batch)).values[name]),
  );
}

const layersOf = (engine: NativeEngine, count: number) =>
  Promise.all(
    Array.from({ length: count }, async (_, i) => ({
      weight: await readTensor(engine, `mlp.${i}.weight`),
      bias: await readTensor(engine, `mlp.${i}.bias`),
    })),
  );

for (const [rows, inputs, sizes] of [
  [1, 4, [2]],
  [5, 3, [7, 5]],
  [37, 13, [64, 33, 16]],
  [300, 20, [130, 70]],
  [7, 479, [257]],
] as const) {
  test(`[${rows}, ${inputs}] → ${sizes.join(' → ')} is the definition's to the bit, on every instruction set`, async () => {
    const graph = layersGraph(inputs, sizes);
    const batch = batchOf(rows, inputs);
    const { scales } = await scalesOf(graph, batch);
    const quantized = quantizeGraph(graph, scales);
    // Values beyond what calibration saw, and some that are no numbers, must be bounded alike.
    const other = batchOf(rows, inputs, 1);
    other.dense.set([Number.NaN, 1e30, -1e30].slice(0, inputs - 1));
    const layers = await withEngine(quantized, predicting, (engine) => layersOf(engine, sizes.length));
    const expected = quantizedMlp(other.dense, layers, given(scales[0]));
    assert.ok(expected.some((value) => value > 0) && expected.every(Number.isFinite));
    for (const isa of availableIsas()) {
      for (const threads of [1, 2]) {
        const y = await outputOf(quantized, other, { isa, threads });
        assert.ok(sameBits(y, expected), `${isa}, ${threads} threads`);
      }
    }
  });
}

test('is as near to the float32 layers as 8 bits allow', async () => {
  const graph = layersGraph(20, [64, 32]);
  const batch = batchOf(1000, 20);
  const exact = await outputOf(graph, batch, {});
  const { scales } = await scalesOf(graph, batch);
  const y = await outputOf(quantizeGraph(graph, scales), batch, {});
  const rms = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
  // Rounding to 2⁻⁸ of a range that is some times the typical value, twice for each of two layers.
  assert.ok(rms(y.map((v, i) => v - (exact[i] as number))) < 0.02 * rms(exact));
});

test('between bf16 layers, inputs and outputs are bf16', async () => {
  const graph = tinyGraph();
  const batch = tinyBatch(100);
  const { scales } = await scalesOf(graph, batch);
  const quantized = quantizeGraph(graph, scales);
  const traceOn = (isa: EngineOptions['isa']) =>
    withEngine(quantized, { ...predicting, batchSize: 100, precision: 'bf16', isa }, (engine) =>
      engine.trace(batch),
    );
  const plain = await traceOn('reference');
  const bits = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0] as number;
  assert.ok(given(plain.values['bottomMlp.1']).every((value) => (bits(value) & 0xffff) === 0));
  for (const isa of availableIsas()) {
    const { values } = await traceOn(isa);
    assert.ok(sameBits(given(values['bottomMlp.1']), given(plain.values['bottomMlp.1'])), isa);
  }
});

test('all layers with ReLU and more than one output are found, dropout among them too', () => {
  const namesOf = (graph: GraphSpec) =>
    findMlps(graph).map(({ name, layers }) => [name, ...layers.map((layer) => layer.name)].join(' '));
  assert.equal(namesOf(tinyGraph()), ['bottomMlp bottomMlp.0 bottomMlp.1', 'topMlp topMlp.0']);
  const mlpOf = (kind: string) => smallGraph(`{ kind: ${kind}, mlp: [20, 10], dropout: 0.5 }`, MEMORY);
  for (const kind of ['dcn', 'autoint', 'deepfm', 'xdeepfm', 'fibinet']) {
    assert.equal(namesOf(mlpOf(kind)), ['mlp mlp.0 mlp.1'], kind);
  }
  const matrices = smallGraph('{ kind: dcn, mlp: [20], crossKind: matrix }', MEMORY);
  assert.equal(namesOf(matrices), ['mlp mlp.0']);
  assert.equal(namesOf(tinyGraph('model.topMlp=[1]')), ['bottomMlp bottomMlp.0 bottomMlp.1']);
});

for (const kind of ['dcn', 'autoint', 'deepfm', 'xdeepfm', 'fibinet']) {
  test(`${kind} with dropout predicts about what it does in float32`, async () => {
    const graph = smallGraph(`{ kind: ${kind}, mlp: [40, 30], dropout: 0.5 }`, MEMORY);
    const random = new SeededRandom(seed);
    const rows = 200;
    const batch = {
      labels: new Uint8Array(rows),
      dense: random.floats(rows * graph.numDense),
      sparse: random.ids(rows, Array(graph.numTables).fill(3)),
    };
    const { scales, outputs: logits } = await scalesOf(graph, batch);
    await withEngine(quantizeGraph(graph, scales), predicting, async (engine) => {
      const quantized = await engine.predict(batch);
      const spread = Math.max(...logits) - Math.min(...logits);
      quantized.forEach((logit, b) => {
        assert.ok(Math.abs(logit - (logits[b] as number)) < 0.05 * spread, `row ${b}`);
      });
      assert.not(sameBits(quantized, logits));
    });
  });
}

test('weights written later are those that count', async () => {
  const graph = layersGraph(4, [8]);
  const batch = batchOf(10, 4);
  const { scales } = await scalesOf(graph, batch);
  await withEngine(quantizeGraph(graph, scales), { ...predicting, batchSize: 1024 }, async (engine) => {
    const before = given((await engine.trace(batch)).values['mlp.0']);
    const weight = await readTensor(engine, 'mlp.0.weight');
    await engine.write(
      'mlp.0.weight',
      0,
      weight.map((value) => -value),
    );
    const after = given((await engine.trace(batch)).values['mlp.0']);
    assert.not(sameBits(before, after));
    assert.ok(sameBits(after, quantizedMlp(batch.dense, await layersOf(engine, 1), given(scales[0]))));
  });
});

test('neither trains nor takes scales of another size', async () => {
  const graph = tinyGraph();
  const { scales } = await scalesOf(graph, tinyBatch(50));
  const { Engine } = loadAddon();
  const quantized = quantizeGraph(graph, scales);
  assert.throws(
    () => new Engine(quantized, tinyOptions()),
    /Layers in int8 don't train; train with precision f32/,
  );
  const short = scales.map((each) => ({ ...each, hiddenScale: [] }));
  assert.throws(
    () => new Engine(quantizeGraph(graph, short), tinyOptions({ training: false })),
    /The int8 layers behind 'dense' don't fit together/,
  );
});

test.run();
