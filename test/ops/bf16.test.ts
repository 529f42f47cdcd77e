import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Isa, Trace } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { largestDifference, sameBits } from '../helpers/float-error.ts';
import {
  availableIsas,
  embeddingAttributes,
  given,
  interactionGraph,
  NUM_DENSE,
  readTensor,
  smallModel,
  traceGraph,
  withEngine,
} from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { constantRates, tinyBatch, tinyGraph, tinyOptions } from '../helpers/tiny-model.ts';
import { assertTrace, cotangent, expectedTrace, twoLayers } from '../helpers/two-layers.ts';

const test = suite('bf16');
const seed = testSeed(60);
const { Engine } = loadAddon();
const bf16 = { precision: 'bf16' } as const;

async function traceLayers(hidden: number, outputs: number, rows: number, isa: Isa) {
  const options = tinyOptions({ ...bf16, isa, batchSize: rows });
  const engine = new Engine(twoLayers(hidden, outputs), options);
  const batch = tinyBatch(rows);
  const dout = cotangent(rows * outputs);
  const trace = await engine.trace(batch, dout);
  const expected = await expectedTrace(engine, batch, dout, hidden, outputs);
  await engine.dispose();
  return { trace, expected };
}

for (const [rows, hidden, outputs] of [
  [1, 16, 1],
  [3, 20, 3],
  [33, 64, 16],
  [257, 300, 1],
  [129, 70, 530],
] as const) {
  test(`[${rows}, 13] → ${hidden} → ${outputs} is as close to the float64 definition as the plain bf16 layer`, async () => {
    const plain = await traceLayers(hidden, outputs, rows, 'reference');
    for (const isa of availableIsas()) {
      const fast = await traceLayers(hidden, outputs, rows, isa);
      // Sums in another order may round to the neighbouring bf16, half a unit of 2⁻⁸ away.
      assertTrace(fast.trace, plain.trace, plain.expected, 2 ** -9);
    }
  });
}

for (const [numTables, dim] of [
  [1, 3],
  [7, 20],
  [16, 16],
  [26, 16],
  [31, 32],
  [32, 16],
  [63, 48],
  [26, 128],
] as const) {
  test(`the interaction of ${numTables} slots of ${dim} floats is that of its rounded inputs, rounded`, async () => {
    const random = new SeededRandom(seed + numTables * 1000 + dim);
    const attributes = embeddingAttributes({ dim, chunkSize: Math.min(dim, 8), memorySize: 40 * dim });
    const rows = 5;
    const batch = {
      labels: new Uint8Array(rows),
      dense: random.floats(rows * NUM_DENSE),
      sparse: random.ids(rows, Array(numTables).fill(50)),
    };
    const dout = random.floats(rows * (dim + (numTables * (numTables + 1)) / 2));
    const traceOn = (isa: Isa) =>
      traceGraph(interactionGraph(numTables, attributes), { ...bf16, isa }, batch, dout);
    const plain = await traceOn('reference');
    for (const isa of availableIsas()) {
      const fast = await traceOn(isa);
      const parts: [keyof Trace, string][] = [
        ['values', 'interaction'],
        ['gradients', 'bottom'],
        ['gradients', 'slots'],
      ];
      for (const [kind, name] of parts) {
        const pick = (trace: Trace) => given((trace[kind] as Record<string, Float32Array>)[name]);
        const largest = pick(plain).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const error = largestDifference(pick(fast), pick(plain));
        // Both round the same products' sums once: at most a unit of bf16 of the largest apart.
        assert.ok(error <= largest * 2 ** -8, `${isa} ${name}: ${error} of ${largest}`);
      }
    }
  });
}

/** Losses of some steps, and M behind them. */
async function train(options: { precision: 'f32' | 'bf16'; threads?: number; isa?: Isa }) {
  const engine = new Engine(tinyGraph(), tinyOptions({ batchSize: 200, ...options }));
  const { losses } = await engine.train(tinyBatch(4000), 200, 1, constantRates(20, 0.5));
  const memory = await readTensor(engine, 'embedding.memory');
  const weights = await readTensor(engine, 'topMlp.0.weight');
  await engine.dispose();
  return { losses, memory, weights };
}

test('every count of threads gives the same bits', async () => {
  const one = await train({ ...bf16, threads: 1 });
  for (const threads of [2, 3]) {
    const more = await train({ ...bf16, threads });
    assert.equal(more.losses, one.losses);
    assert.ok(sameBits(more.memory, one.memory) && sameBits(more.weights, one.weights), `${threads} threads`);
  }
});

for (const isa of availableIsas()) {
  test(`losses follow those of float32 (${isa})`, async () => {
    const exact = await train({ precision: 'f32' });
    const rounded = await train({ ...bf16, isa });
    assert.ok((exact.losses[19] as number) < (exact.losses[0] as number));
    // Inputs of each product are off by 2⁻⁹ at most and independently so, hence logits of size one by a few thousandths, and a
    // mean over 200 rows by less.
    exact.losses.forEach((loss, step) => {
      const apart = Math.abs(loss - (rounded.losses[step] as number));
      assert.ok(apart < 3e-3, `step ${step}: ${apart}`);
    });
    assert.not(sameBits(exact.memory, rounded.memory));
  });
}

test('tensors read by ops that know float32 only stay float32', async () => {
  const random = new SeededRandom(seed);
  const attributes = embeddingAttributes({ dim: 16, memorySize: 640 });
  const batch = {
    labels: Uint8Array.from({ length: 9 }, (_, b) => b % 2),
    dense: random.floats(9 * NUM_DENSE),
    sparse: random.ids(9, Array(4).fill(50)),
  };
  await withEngine(smallModel(4, attributes), { ...bf16, batchSize: 9 }, async (engine) => {
    const { values } = await engine.trace(batch);
    const logits = await engine.predict(batch);
    assert.ok(sameBits(given(values['end']), logits));
    const isRounded = (value: number) => value === Math.fround(value) && (bits(value) & 0xffff) === 0;
    assert.ok(given(values['interaction']).every(isRounded));
    assert.not(logits.every(isRounded));
  });
});

function bits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}

test.run();
