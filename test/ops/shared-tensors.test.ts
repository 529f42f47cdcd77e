import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
import { concat, firstComponent, logitSum } from '../../src/graph/joins.ts';
import { largestDifference } from '../helpers/float-error.ts';
import {
  availableIsas,
  embeddingAttributes,
  given,
  NUM_DENSE,
  traceGraph,
  withEngine,
} from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('tensors that several nodes read');
const seed = testSeed(60);
const UNIFORM = { kind: 'uniform', bound: 0.5 } as const;
const T = 3;
const D = 5;

function batchOf(rows: number) {
  const random = new SeededRandom(seed);
  return {
    labels: Uint8Array.from({ length: rows }, (_, b) => b % 2),
    dense: random.floats(rows * NUM_DENSE),
    sparse: random.ids(rows, new Array(T).fill(40)),
  };
}

function start() {
  const graph = new GraphBuilder(NUM_DENSE, T);
  const attributes = embeddingAttributes({ kind: 'hashednet', dim: D, memorySize: 211 });
  const dense = graph.denseInput();
  const slots = graph.embedding('slots', graph.sparseInput(), attributes, [UNIFORM]);
  return { graph, dense, slots };
}

for (const rows of [1, 70]) {
  test(`gradients of ${rows} rows are the sum of what each reader sends back`, async () => {
    const { graph, dense, slots } = start();
    // slots: in a concat twice, alone in another sum, and their first components.
    const twice = concat(graph, 'twice', [slots, dense, slots]);
    const layer = graph.linear('layer', twice, 1, 'none', { weight: UNIFORM });
    const first = firstComponent(graph, 'first', slots);
    const out = logitSum(graph, 'out', [layer, slots, first]);
    const batch = batchOf(rows);
    const dout = new SeededRandom(seed + 1).floats(rows);
    for (const isa of availableIsas()) {
      await withEngine(graph.build(out), { isa, batchSize: rows }, async (engine) => {
        const weight = new Float32Array(2 * T * D + NUM_DENSE);
        await engine.read('layer.weight', 0, weight);
        const { values, gradients, parameterGradients } = await engine.trace(batch, dout);
        const e = given(values['slots']);
        const expected = Float64Array.from(e, (_, i) => {
          const b = Math.floor(i / (T * D));
          const c = i % (T * D);
          const factor =
            (weight[c] as number) + (weight[T * D + NUM_DENSE + c] as number) + 1 + (c % D === 0 ? 1 : 0);
          return (dout[b] as number) * factor;
        });
        // Four terms below 3 with three roundings.
        assert.ok(largestDifference(given(gradients['slots']), expected) < 4 * 2 ** -22);
        const logits = given(values['out']);
        for (let b = 0; b < rows; b++) {
          const row = Array.from(e.subarray(b * T * D, (b + 1) * T * D));
          const x = Array.from(batch.dense.subarray(b * NUM_DENSE, (b + 1) * NUM_DENSE));
          const dot = [...row, ...x, ...row].reduce(
            (sum, value, k) => sum + value * (weight[k] as number),
            0,
          );
          const rest = row.reduce((sum, value, c) => sum + value * (c % D === 0 ? 2 : 1), 0);
          assert.ok(Math.abs((logits[b] as number) - dot - rest) < 1e-5);
        }
        const bias = given(parameterGradients['out.bias'])[0] as number;
        assert.ok(Math.abs(bias - dout.reduce((a, b) => a + b, 0)) < 1e-5);
      });
    }
  });
}

test('an embedding that only a concat reads is written into it, with the same values and gradients', async () => {
  const build = (copied: boolean) => {
    const { graph, dense, slots } = start();
    const input = concat(graph, 'input', [slots, dense]);
    const layer = graph.linear('layer', input, 6, 'relu', { weight: UNIFORM });
    // A second reader makes the first a copy.
    const parts = copied ? [layer, firstComponent(graph, 'first', slots)] : [layer];
    return graph.buildPart(concat(graph, 'end', parts));
  };
  const rows = 70;
  const batch = batchOf(rows);
  const random = new SeededRandom(seed + 2);
  const dlayer = random.floats(rows * 6);
  const padded = Float32Array.from({ length: rows * (6 + T) }, (_, i) => {
    const c = i % (6 + T);
    return c < 6 ? (dlayer[Math.floor(i / (6 + T)) * 6 + c] as number) : 0;
  });
  const sliced = await traceGraph(build(false), {}, batch, dlayer);
  const copied = await traceGraph(build(true), {}, batch, padded);
  for (const name of ['slots', 'input', 'layer']) assert.equal(sliced.values[name], copied.values[name]);
  assert.equal(sliced.gradients['slots'], copied.gradients['slots']);
  assert.equal(sliced.parameterGradients['slots.memory'], copied.parameterGradients['slots.memory']);
});

test('what reads the output of a model that trains is refused', async () => {
  const { graph, slots } = start();
  const out = logitSum(graph, 'out', [slots]);
  graph.linear('after', out, 1, 'none', { weight: UNIFORM });
  await assertRejects(
    () => withEngine(graph.build(out), {}, async () => {}),
    /'out' is read by node 'after'/,
  );
});

async function assertRejects(run: () => Promise<unknown>, message: RegExp): Promise<void> {
  try {
    await run();
  } catch (error) {
    assert.match((error as Error).message, message);
    return;
  }
  assert.unreachable('expected an error');
}

test.run();
