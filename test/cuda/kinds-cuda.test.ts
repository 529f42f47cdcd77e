import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeBatch } from '../../src/addon/addon-types.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import {
  BF16_LOSS,
  KINDS,
  lossesOfKind,
  optimizer,
  planKind,
  TABLE_SIZES,
  takesRawIds,
  trainKind,
} from '../helpers/embedding-kinds.ts';
import { largestDifference, sameBits } from '../helpers/float-error.ts';
import { given, NUM_DENSE, traceGraph } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('embedding kinds on CUDA');
const seed = testSeed(62);
const reason = missingCuda();
const T = TABLE_SIZES.length;

/** Kinds whose values are copies, or sums and products rounded one by one: the same bits on every device. */
const isExact = (kind: string) => !/kind: (md|tt)|sketch/.test(kind);

for (const kind of KINDS) {
  for (const ids of takesRawIds(kind) ? (['vocab', 'raw'] as const) : (['vocab'] as const)) {
    testUnless(
      test,
      reason,
      `values and gradients are those of the reference: ${kind}, ${ids} ids`,
      async () => {
        const { graph } = planKind(kind, { ids });
        const random = new SeededRandom(seed);
        for (const rows of [1, 37]) {
          const sparse =
            ids === 'vocab'
              ? random.ids(rows, TABLE_SIZES)
              : Uint32Array.from({ length: rows * T }, () => random.uint32());
          const batch: NativeBatch = {
            labels: new Uint8Array(rows),
            dense: random.floats(rows * NUM_DENSE),
            sparse,
          };
          const dslots = random.floats(rows * T * 8);
          const cuda = await traceGraph(graph, { device: 'cuda' }, batch, dslots);
          const plain = await traceGraph(graph, { isa: 'reference' }, batch, dslots);
          const [found, expected] = [given(cuda.values['embedding']), given(plain.values['embedding'])];
          if (isExact(kind)) assert.ok(sameBits(found, expected), `B=${rows}`);
          assertNear(found, expected, `B=${rows} values`);
          for (const [name, gradient] of Object.entries(plain.parameterGradients)) {
            assertNear(given(cuda.parameterGradients[name]), gradient, `B=${rows} ${name}`);
          }
        }
      },
    );
  }
}

/** Sums of a few hundred products in two orders. */
function assertNear(found: Float32Array, expected: Float32Array, what: string): void {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  const error = largestDifference(found, expected);
  assert.ok(error <= 64 * 2 ** -24 * largest, `${what}: ${error}`);
}

for (const kind of KINDS) {
  testUnless(test, reason, `training is repeatable and stays near the CPU's: ${kind}`, async () => {
    const gradients = /gaussian|achlioptas/.test(kind) ? ['dense'] : ['dense', 'sparse'];
    for (const gradient of gradients) {
      const name = gradient === 'dense' ? 'sgd' : 'rowwise-adagrad';
      const options = { optimizer: optimizer(name), device: 'cuda' } as const;
      const cuda = await trainKind(kind, gradient, seed, options);
      assert.ok(sameBits(cuda, await trainKind(kind, gradient, seed, options)), gradient);
      const cpu = await trainKind(kind, gradient, seed, { optimizer: optimizer(name), isa: 'reference' });
      const largest = cpu.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      const error = largestDifference(cuda, cpu);
      assert.ok(error <= 1e-4 * largest, `${gradient}: ${error}`);
    }
  });
}

for (const kind of KINDS) {
  testUnless(test, reason, `learns in bf16 step by step as in float32: ${kind}`, async () => {
    const plain = await lossesOfKind(kind, seed, { device: 'cuda' });
    const rounded = await lossesOfKind(kind, seed, { device: 'cuda', precision: 'bf16' });
    assert.ok(given(rounded.at(-1)) < given(rounded[0]), `${rounded[0]} to ${rounded.at(-1)}`);
    assert.not.ok(sameBits(Float32Array.from(plain), Float32Array.from(rounded)));
    const error = largestDifference(rounded, plain);
    assert.ok(error <= BF16_LOSS, `losses off by ${error}`);
  });
}

test.run();
