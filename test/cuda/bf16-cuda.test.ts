import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions, NativeBatch, NativeEngine, Trace } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import { testUnless } from '../helpers/skippable.ts';
import { constantRates, tinyBatch, tinyOptions } from '../helpers/tiny-model.ts';
import { assertTrace, cotangent, expectedTrace, twoLayers } from '../helpers/two-layers.ts';

const test = suite('bf16 on CUDA');
const reason = missingCuda();
const { Engine } = loadAddon();

/** Half a unit in the last of bf16's 8 bits, relative. */
const ROUNDING = 2 ** -9;

const bf16 = (options: Partial<EngineOptions>): EngineOptions =>
  tinyOptions({ device: 'cuda', precision: 'bf16', ...options });

/** Whole numbers in [-1, 1], without a pattern that a wrong stride would keep. */
const digits = (size: number, seed: number) =>
  Float32Array.from({ length: size }, (_, i) => ((((i + seed) * 2654435761) % 2 ** 32) % 3) - 1);

/** Gives both layers small whole numbers, whose products and sums bf16 and float32 hold exactly. */
async function writeDigits(engine: NativeEngine): Promise<void> {
  for (const [seed, { name, size }] of engine.parameters().entries()) {
    await engine.write(name, 0, digits(size, seed));
  }
}

const digitBatch = (rows: number): NativeBatch => ({ ...tinyBatch(rows), dense: digits(rows * 13, 99) });

for (const [rows, hidden, outputs] of [
  [1, 16, 1],
  [3, 20, 3],
  [33, 64, 16],
  [70, 130, 24],
  [257, 72, 1],
  [700, 40, 24],
  [5, 1030, 1540],
] as const) {
  const name = `[${rows}, 13] → ${hidden} → ${outputs}: whole numbers come out exact`;
  testUnless(test, reason, name, async () => {
    const engine = new Engine(twoLayers(hidden, outputs), bf16({ batchSize: rows }));
    await writeDigits(engine);
    const [batch, dout] = [digitBatch(rows), digits(rows * outputs, 7)];
    const trace = await engine.trace(batch, dout);
    for (const [kind, tensor, values] of await expectedTrace(engine, batch, dout, hidden, outputs)) {
      const actual = (trace[kind] as Record<string, Float32Array>)[tensor];
      assert.ok(
        values.every((value, i) => value === actual?.[i]),
        tensor,
      );
    }
    await engine.dispose();
  });
}

testUnless(test, reason, 'values are as near as two roundings a term allow', async () => {
  for (const [rows, hidden, outputs] of [
    [65, 40, 24],
    [33, 300, 1],
  ] as const) {
    const engine = new Engine(twoLayers(hidden, outputs), bf16({ batchSize: rows }));
    const plain = new Engine(twoLayers(hidden, outputs), tinyOptions({ isa: 'reference', batchSize: rows }));
    const [batch, dout] = [tinyBatch(rows), cotangent(rows * outputs)];
    const expected = await expectedTrace(plain, batch, dout, hidden, outputs);
    // Gradients can't be compared so: a value that is rounded to the other side of zero changes its ReLU's mask.
    const values = expected.filter(([kind]) => kind === 'values');
    // x, the weights and the hidden layer are rounded, and sums of both signs can be small beside their terms.
    assertTrace(await engine.trace(batch, dout), await plain.trace(batch, dout), values, 6 * ROUNDING);
    await Promise.all([engine.dispose(), plain.dispose()]);
  }
});

testUnless(
  test,
  reason,
  'a hidden layer holds what bf16 can, a layer that others read holds float32',
  async () => {
    const engine = new Engine(twoLayers(40, 24), bf16({ batchSize: 16 }));
    const { values }: Trace = await engine.trace(tinyBatch(16), cotangent(16 * 24));
    const isBf16 = (value: number) => (new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0) % 65536 === 0;
    assert.ok(values['first']?.every(isBf16));
    assert.not(values['second']?.every(isBf16));
    assert.ok(engine.describe().nodes.some(({ implementation }) => implementation === 'cuda-mma-bf16'));
    await engine.dispose();
  },
);

for (const kind of ['sgd', 'adagrad', 'adam'] as const) {
  testUnless(test, reason, `${kind}: 20 steps learn as in float32, and the same bits twice`, async () => {
    const optimizer = { ...tinyOptions().optimizer, kind };
    const rows = tinyBatch(20 * 32);
    const run = async (options: Partial<EngineOptions>) => {
      const engine = new Engine(
        twoLayers(40, 1),
        tinyOptions({ ...options, optimizer, guards: false, batchSize: 32 }),
      );
      const rates = constantRates(20, kind === 'sgd' ? 0.1 : 0.01);
      const { losses } = await engine.train(rows, 32, 1, rates);
      const weights = new Float32Array(40 * 13);
      await engine.read('first.weight', 0, weights);
      await engine.dispose();
      return { losses, weights };
    };
    const cuda = { device: 'cuda', precision: 'bf16' } as const;
    const [first, again, plain] = [await run(cuda), await run(cuda), await run({})];
    assert.equal(first, again);
    for (const [step, loss] of plain.losses.entries()) {
      // The loss is 1-Lipschitz in the logit, which is a few roundings of its terms away.
      assert.ok(Math.abs((first.losses[step] as number) - loss) < 8 * ROUNDING, `loss of step ${step}`);
    }
  });
}

testUnless(test, reason, 'weights that were written are what the next step multiplies with', async () => {
  const engine = new Engine(twoLayers(16, 1), bf16({ batchSize: 16, guards: false }));
  const rows = tinyBatch(16);
  await engine.train(rows, 16, 1, constantRates(1, 0));
  await engine.write('first.weight', 0, new Float32Array(16 * 13));
  await engine.write('first.bias', 0, new Float32Array(16));
  await engine.write('second.bias', 0, Float32Array.of(0.5));
  const { losses } = await engine.train(rows, 16, 2, constantRates(1, 0));
  const expected = rows.labels.reduce((sum, label) => sum + Math.log1p(Math.exp(0.5)) - 0.5 * label, 0) / 16;
  assert.ok(Math.abs((losses[0] as number) - expected) < 1e-6);
  await engine.dispose();
});

test.run();
