import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Isa, NativeBatch } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';
import { availableIsas } from '../helpers/op-graphs.ts';
import { tinyBatch, tinyOptions } from '../helpers/tiny-model.ts';
import { assertTrace, at, cotangent, expectedTrace, twoLayers } from '../helpers/two-layers.ts';

const test = suite('linear and loss');
const { Engine } = loadAddon();

async function traceWith(graph: GraphSpec, isa: Isa, batch: NativeBatch, dout: Float32Array) {
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
      const plain = await traceWith(graph, 'reference', batch, dout);
      const expected = await expectedTrace(plain.engine, batch, dout, hidden, outputs);
      await plain.engine.dispose();
      for (const isa of availableIsas()) {
        const fast = await traceWith(graph, isa, batch, dout);
        assertTrace(fast.trace, plain.trace, expected);
        await fast.engine.dispose();
      }
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
