import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BF16_LOSS, KINDS, lossesOfKind, optimizer, trainKind } from '../helpers/embedding-kinds.ts';
import { largestDifference, sameBits } from '../helpers/float-error.ts';
import { given } from '../helpers/op-graphs.ts';
import { testSeed } from '../helpers/seeded-random.ts';

const test = suite('embedding training');
const seed = testSeed(61);
const OPTIMIZERS = ['sgd', 'adagrad', 'rowwise-adagrad', 'adam'] as const;

for (const kind of KINDS) {
  const gradients = /gaussian|achlioptas/.test(kind) ? ['dense'] : ['dense', 'sparse'];
  test(`training gives the same bits on 1, 2 and 3 threads under every optimizer: ${kind}`, async () => {
    for (const name of OPTIMIZERS) {
      const results: Float32Array[] = [];
      for (const gradient of gradients) {
        const one = await trainKind(kind, gradient, seed, { optimizer: optimizer(name), threads: 1 });
        assert.ok(one.every(Number.isFinite), `${name}, ${gradient}`);
        for (const threads of [2, 3]) {
          const more = await trainKind(kind, gradient, seed, { optimizer: optimizer(name), threads });
          assert.ok(sameBits(one, more), `${name}, ${gradient}, ${threads} threads`);
        }
        results.push(one);
      }
      // Adam's moments decay where nothing was touched, but only under a dense gradient.
      const same = gradients.length === 2 && name !== 'adam';
      if (same) assert.ok(sameBits(given(results[0]), given(results[1])), `${name}, dense and sparse`);
    }
  });
}

for (const kind of KINDS) {
  test(`learns in bf16 step by step as in float32: ${kind}`, async () => {
    const plain = await lossesOfKind(kind, seed, {});
    const rounded = await lossesOfKind(kind, seed, { precision: 'bf16' });
    assert.ok(given(rounded.at(-1)) < given(rounded[0]), `${rounded[0]} to ${rounded.at(-1)}`);
    assert.not.ok(sameBits(Float32Array.from(plain), Float32Array.from(rounded)));
    const error = largestDifference(rounded, plain);
    assert.ok(error <= BF16_LOSS, `losses off by ${error}`);
  });
}

test.run();
