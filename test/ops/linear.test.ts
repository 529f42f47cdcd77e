import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeBatch, NativeEngine, Trace } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';
import { tinyBatch, tinyOptions } from '../helpers/tiny-model.ts';

const test = suite('linear and loss');
const { Engine } = loadAddon();

/** Two layers, so that the second one's input gradient can be seen in the first one's weights. */
function twoLayers(hidden: number, outputs: number): GraphSpec {
  const graph = new GraphBuilder(13, 26);
  const init = { weight: { kind: 'normal', std: 0.3 }, bias: { kind: 'normal', std: 0.3 } } as const;
  const first = graph.linear('first', graph.denseInput(), hidden, 'relu', init);
  return graph.buildPart(graph.linear('second', first, outputs, outputs > 1 ? 'relu' : 'none', init));
}

interface Layer {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly relu: boolean;
}

async function readLayers(engine: NativeEngine, hidden: number, outputs: number): Promise<[Layer, Layer]> {
  const read = async (name: string, size: number) => {
    const values = new Float32Array(size);
    await engine.read(name, 0, values);
    return values;
  };
  return [
    { weight: await read('first.weight', hidden * 13), bias: await read('first.bias', hidden), relu: true },
    {
      weight: await read('second.weight', outputs * hidden),
      bias: await read('second.bias', outputs),
      relu: outputs > 1,
    },
  ];
}

/** One layer of the definition, in float64. */
function forward64(x: Float64Array, layer: Layer): Float64Array {
  const outputs = layer.bias.length;
  const inputs = layer.weight.length / outputs;
  const rows = x.length / inputs;
  const y = new Float64Array(rows * outputs);
  for (let b = 0; b < rows; b++) {
    for (let n = 0; n < outputs; n++) {
      let sum = layer.bias[n] as number;
      for (let k = 0; k < inputs; k++) sum += at(x, b * inputs + k) * at(layer.weight, n * inputs + k);
      y[b * outputs + n] = layer.relu ? Math.max(0, sum) : sum;
    }
  }
  return y;
}

/** Gradients of one layer, in float64. */
function backward64(x: Float64Array, y: Float64Array, dy: Float64Array, layer: Layer) {
  const outputs = layer.bias.length;
  const inputs = layer.weight.length / outputs;
  const rows = x.length / inputs;
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(layer.weight.length);
  const dbias = new Float64Array(outputs);
  for (let b = 0; b < rows; b++) {
    for (let n = 0; n < outputs; n++) {
      const dz = layer.relu && at(y, b * outputs + n) <= 0 ? 0 : at(dy, b * outputs + n);
      dbias[n] = at(dbias, n) + dz;
      for (let k = 0; k < inputs; k++) {
        dx[b * inputs + k] = at(dx, b * inputs + k) + dz * at(layer.weight, n * inputs + k);
        dweight[n * inputs + k] = at(dweight, n * inputs + k) + dz * at(x, b * inputs + k);
      }
    }
  }
  return { dx, dweight, dbias };
}

function at(values: Float64Array | Float32Array, index: number): number {
  return values[index] as number;
}

function largestError(actual: Float32Array | undefined, expected: Float64Array): number {
  assert.is(actual?.length, expected.length);
  return expected.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - at(actual as Float32Array, i))),
    0,
  );
}

/** A cotangent that differs everywhere and has both signs. */
function cotangent(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(1 + 0.7 * i));
}

async function traceWith(
  graph: GraphSpec,
  isa: 'auto' | 'reference',
  batch: NativeBatch,
  dout: Float32Array,
) {
  const engine = new Engine(graph, tinyOptions({ isa, batchSize: batch.labels.length }));
  const trace = await engine.trace(batch, dout);
  return { engine, trace };
}

for (const rows of [1, 3, 33, 257]) {
  for (const [hidden, outputs] of [
    [16, 1],
    [20, 3],
    [64, 16],
    [300, 1],
    [70, 530],
  ] as const) {
    test(`[${rows}, 13] → ${hidden} → ${outputs} equals the float64 definition as well as the plain reference does`, async () => {
      const graph = twoLayers(hidden, outputs);
      const batch = tinyBatch(rows);
      const dout = cotangent(rows * outputs);
      const fast = await traceWith(graph, 'auto', batch, dout);
      const plain = await traceWith(graph, 'reference', batch, dout);
      const [first, second] = await readLayers(fast.engine, hidden, outputs);
      const x = Float64Array.from(batch.dense);
      const h = forward64(x, first);
      const y = forward64(h, second);
      const upper = backward64(h, y, Float64Array.from(dout), second);
      const lower = backward64(x, h, upper.dx, first);
      const expected: [keyof Trace, string, Float64Array][] = [
        ['values', 'first', h],
        ['values', 'second', y],
        ['parameterGradients', 'second.weight', upper.dweight],
        ['parameterGradients', 'second.bias', upper.dbias],
        ['parameterGradients', 'first.weight', lower.dweight],
        ['parameterGradients', 'first.bias', lower.dbias],
      ];
      for (const [kind, name, values] of expected) {
        const pick = (trace: Trace) => (trace[kind] as Record<string, Float32Array>)[name];
        const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        // Twice the plain reference's own rounding, and a few units in the last place where that happens to be exact.
        const allowed = 2 * largestError(pick(plain.trace), values) + 4e-7 * scale;
        const error = largestError(pick(fast.trace), values);
        assert.ok(error <= allowed, `${name}: ${error} > ${allowed}`);
      }
      await Promise.all([fast.engine.dispose(), plain.engine.dispose()]);
    });
  }
}

test('the mean loss and its gradient are those of the definition, for logits of any size', async () => {
  const graph = twoLayers(16, 1);
  const engine = new Engine(graph, tinyOptions());
  for (const scale of [1, 50, 3000]) {
    const bias = new Float32Array([scale / 10]);
    await engine.write('second.bias', 0, bias);
    const weight = Float32Array.from({ length: 16 }, (_, k) => (k % 2 === 0 ? scale : -scale));
    await engine.write('second.weight', 0, weight);
    const batch = tinyBatch(50);
    const { loss, values, gradients } = await engine.trace(batch);
    const logits = values['second'] as Float32Array;
    let expected = 0;
    for (const [b, z] of logits.entries()) {
      const label = batch.labels[b] as number;
      expected += (Math.max(z, 0) - z * label + Math.log1p(Math.exp(-Math.abs(z)))) / 50;
      const gradient = ((z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z))) - label) / 50;
      assert.ok(Math.abs(at(gradients['second'] as Float32Array, b) - gradient) <= 1e-8);
    }
    assert.ok(Math.abs(loss - expected) <= 1e-12 * Math.max(1, expected), `${loss} ${expected}`);
  }
  await engine.dispose();
});

test('gradients agree with finite differences of the loss', async () => {
  const graph = twoLayers(20, 1);
  const engine = new Engine(graph, tinyOptions());
  const batch = tinyBatch(64);
  const { parameterGradients } = await engine.trace(batch);
  for (const name of ['first.weight', 'first.bias', 'second.weight', 'second.bias']) {
    const gradient = parameterGradients[name] as Float32Array;
    for (const index of [0, Math.floor(gradient.length / 2), gradient.length - 1]) {
      const value = new Float32Array(1);
      await engine.read(name, index, value);
      const lossAt = async (shift: number) => {
        await engine.write(name, index, Float32Array.of(at(value, 0) + shift));
        const { loss } = await engine.trace(batch);
        await engine.write(name, index, value);
        return loss;
      };
      // Float32 activations leave about 1e-7 of noise in the loss, so 1e-5 in the quotient.
      const step = 1e-2;
      const quotient = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
      const difference = Math.abs(quotient - at(gradient, index));
      assert.ok(difference <= 2e-4 + 0.02 * Math.abs(quotient), `${name}[${index}]: ${difference}`);
    }
  }
  await engine.dispose();
});

test.run();
