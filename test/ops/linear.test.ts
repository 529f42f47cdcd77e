import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Isa, NativeBatch } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
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

/** 13 → 300 → 70 → 1: layers of several panels both ways, with rests. */
function threeLayers(): GraphSpec {
  const graph = new GraphBuilder(13, 26);
  const init = { weight: { kind: 'normal', std: 0.1 }, bias: { kind: 'normal', std: 0.1 } } as const;
  const first = graph.linear('first', graph.denseInput(), 300, 'relu', init);
  const second = graph.linear('second', first, 70, 'relu', init);
  return graph.buildPart(graph.linear('third', second, 1, 'none', init));
}

for (const precision of ['f32', 'bf16'] as const) {
  test(`a step of SGD in ${precision} subtracts the rate times the traced gradient, and the next one sees the new weights`, async () => {
    const batch = tinyBatch(133);
    for (const isa of availableIsas()) {
      const engine = new Engine(threeLayers(), tinyOptions({ isa, precision, batchSize: 133 }));
      for (let step = 1; step <= 2; step++) {
        const { parameterGradients } = await engine.trace(batch);
        const expected = new Map<string, Float32Array>();
        for (const [name, gradient] of Object.entries(parameterGradients)) {
          const values = new Float32Array(gradient.length);
          await engine.read(name, 0, values);
          expected.set(
            name,
            values.map((value, i) => value - Math.fround(0.5 * at(gradient, i))),
          );
        }
        await engine.train(batch, 133, step, Float64Array.of(0.5));
        for (const [name, values] of expected) {
          const updated = new Float32Array(values.length);
          await engine.read(name, 0, updated);
          assert.equal(updated, values, `${name} on ${isa}, step ${step}`);
        }
      }
      await engine.dispose();
    }
  });
}

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
