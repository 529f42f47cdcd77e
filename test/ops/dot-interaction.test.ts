import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeBatch } from '../../src/addon/addon-types.ts';
import { dot, sameBits } from '../helpers/float-error.ts';
import { assertInteraction } from '../helpers/interaction-definition.ts';
import {
  availableIsas,
  embeddingAttributes,
  given,
  interactionGraph,
  NUM_DENSE,
  readTensor,
  traceGraph,
  withEngine,
} from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('dot interaction');
const seed = testSeed(40);

function makeBatch(random: SeededRandom, rows: number, numTables: number): NativeBatch {
  return {
    labels: new Uint8Array(rows),
    dense: random.floats(rows * NUM_DENSE),
    sparse: random.ids(rows, Array(numTables).fill(50)),
  };
}

for (const numTables of [1, 2, 7, 26, 63]) {
  for (const dim of [1, 3, 16, 20, 48, 128]) {
    test(`values and gradients match the definition within twice the float32 error: F=${numTables} D=${dim}`, async () => {
      const random = new SeededRandom(seed + numTables * 1000 + dim);
      const attributes = embeddingAttributes({ dim, chunkSize: Math.min(dim, 8), memorySize: 40 * dim });
      const graph = interactionGraph(numTables, attributes);
      for (const rows of numTables * dim > 4000 ? [3] : [1, 3, 33]) {
        const batch = makeBatch(random, rows, numTables);
        const dout = random.floats(rows * (dim + (numTables * (numTables + 1)) / 2));
        for (const isa of availableIsas()) {
          const trace = await traceGraph(graph, { isa }, batch, dout);
          await assertInteraction(trace, attributes, numTables, batch, dout, `${isa} B=${rows}`);
        }
      }
    });
  }
}

test('every count of threads gives the same bits', async () => {
  const random = new SeededRandom(seed);
  const attributes = embeddingAttributes({ dim: 20, chunkSize: 8, memorySize: 800 });
  const batch = makeBatch(random, 70, 5);
  const dout = random.floats(70 * (20 + 15));
  const traces = await Promise.all(
    [1, 2, 3].map((threads) => traceGraph(interactionGraph(5, attributes), { threads }, batch, dout)),
  );
  const first = given(traces[0]);
  for (const trace of traces.slice(1)) {
    assert.ok(sameBits(given(trace.values['interaction']), given(first.values['interaction'])));
    assert.ok(sameBits(given(trace.gradients['bottom']), given(first.gradients['bottom'])));
    assert.ok(sameBits(given(trace.gradients['slots']), given(first.gradients['slots'])));
  }
});

for (const isa of availableIsas()) {
  test(`gradients of M and the bottom agree with differences of the output (${isa})`, async () => {
    const random = new SeededRandom(seed + 1);
    const [rows, numTables] = [5, 6];
    const attributes = embeddingAttributes({ dim: 20, chunkSize: 8, memorySize: 300 });
    const batch = makeBatch(random, rows, numTables);
    const cotangent = random.floats(rows * (20 + (numTables * (numTables + 1)) / 2));
    await withEngine(interactionGraph(numTables, attributes), { batchSize: rows, isa }, async (engine) => {
      const { parameterGradients } = await engine.trace(batch, cotangent);
      for (const name of ['slots.memory', 'bottom.bias']) {
        const values = await readTensor(engine, name);
        const direction = random.floats(values.length);
        const sides: number[] = [];
        // The output is quadratic in each parameter, so central differences are exact but for rounding.
        for (const step of [0.125, -0.125]) {
          await engine.write(
            name,
            0,
            values.map((value, i) => value + step * (direction[i] as number)),
          );
          sides.push(dot(given((await engine.trace(batch, cotangent)).values['interaction']), cotangent));
        }
        await engine.write(name, 0, values);
        const slope = ((sides[0] as number) - (sides[1] as number)) / 0.25;
        const expected = dot(given(parameterGradients[name]), direction);
        assert.ok(
          Math.abs(slope - expected) < 1e-4 * Math.max(1, Math.abs(expected)),
          `${slope} ${expected}`,
        );
      }
    });
  });
}

test('more than 63 slots are refused', async () => {
  try {
    await withEngine(interactionGraph(64, embeddingAttributes({ dim: 4 })), {}, async () => undefined);
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code?: string }).code, 'ERR_GRAPH');
    assert.match((error as Error).message, /at most 63 slots/);
  }
});

test.run();
