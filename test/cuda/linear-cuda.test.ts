import { suite } from 'uvu';
import type { EngineOptions } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import { testUnless } from '../helpers/skippable.ts';
import { tinyBatch, tinyOptions } from '../helpers/tiny-model.ts';
import { assertTrace, cotangent, expectedTrace, twoLayers } from '../helpers/two-layers.ts';

const test = suite('linear on CUDA');
const reason = missingCuda();
const { Engine } = loadAddon();

/** `slack` for sums over rows in another order: twice the rounding of a random walk of so many terms. */
async function check(
  rows: number,
  hidden: number,
  outputs: number,
  options: Partial<EngineOptions> = {},
  slack = Math.max(4e-7, 2 * Math.sqrt(rows) * 2 ** -24),
) {
  const graph = twoLayers(hidden, outputs);
  const batch = tinyBatch(rows);
  const dout = cotangent(rows * outputs);
  const cuda = new Engine(graph, tinyOptions({ device: 'cuda', batchSize: rows, ...options }));
  const plain = new Engine(graph, tinyOptions({ isa: 'reference', batchSize: rows, guards: false }));
  const expected = await expectedTrace(plain, batch, dout, hidden, outputs);
  assertTrace(await cuda.trace(batch, dout), await plain.trace(batch, dout), expected, slack);
  await Promise.all([cuda.dispose(), plain.dispose()]);
}

for (const rows of [1, 3, 33, 257]) {
  for (const [hidden, outputs] of [
    [16, 1],
    [20, 3],
    [64, 16],
    [300, 1],
    [70, 130],
  ] as const) {
    const name = `[${rows}, 13] → ${hidden} → ${outputs} is as near the float64 definition as the plain reference is`;
    testUnless(test, reason, name, () => check(rows, hidden, outputs));
  }
}

testUnless(test, reason, 'a sum over 700 rows, cut into parts, is as near', () => check(700, 40, 24));

testUnless(test, reason, 'large tiles are as near, in all three products', async () => {
  await check(1000, 1540, 8, { guards: false });
  await check(5, 1030, 1540, { guards: false });
});

testUnless(test, reason, 'with tf32, inputs are rounded to 10 bits of mantissa and no further', async () => {
  // Two roundings of 2^-11 a product; sums of products of both signs can be small beside their terms.
  for (const outputs of [1, 24]) await check(65, 40, outputs, { tf32: true }, 4 * 2 ** -11);
});

test.run();
