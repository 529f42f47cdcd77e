import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions, OptimizerSpec } from '../../src/addon/addon-types.ts';
import { KINDS, planKind, TABLE_SIZES } from '../helpers/embedding-kinds.ts';
import { sameBits } from '../helpers/float-error.ts';
import { given, NUM_DENSE, readTensor, SGD, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('embedding training');
const seed = testSeed(61);
const OPTIMIZERS = ['sgd', 'adagrad', 'rowwise-adagrad', 'adam'] as const;

function optimizer(kind: OptimizerSpec['kind']): OptimizerSpec {
  return { ...SGD, kind, initialAccumulator: kind.includes('adagrad') ? 0.125 : 0 };
}

/** All parameters and state after four steps, the last of a smaller batch. */
async function trained(
  kind: string,
  gradient: string,
  options: Partial<EngineOptions>,
): Promise<Float32Array> {
  const { graph } = planKind(kind, { sets: [`embedding.gradient=${gradient}`], trains: true });
  const random = new SeededRandom(seed);
  const rows = 3 * 70 + 9;
  const batch = {
    labels: Uint8Array.from({ length: rows }, () => random.below(2)),
    dense: random.floats(rows * NUM_DENSE),
    sparse: random.ids(rows, TABLE_SIZES),
  };
  return withEngine(graph, { batchSize: 70, guards: false, ...options }, async (engine) => {
    const rates = Float64Array.of(0.5, 0.25, 0.125, 0.5);
    assert.is((await engine.train(batch, 70, 1, rates)).appliedSteps, 4);
    const all: number[] = [];
    for (const { name } of [...engine.parameters(), ...engine.optimizerState()]) {
      for (const value of await readTensor(engine, name)) all.push(value);
    }
    return Float32Array.from(all);
  });
}

for (const kind of KINDS) {
  const gradients = /gaussian|achlioptas/.test(kind) ? ['dense'] : ['dense', 'sparse'];
  test(`training gives the same bits on 1, 2 and 3 threads under every optimizer: ${kind}`, async () => {
    for (const name of OPTIMIZERS) {
      const results: Float32Array[] = [];
      for (const gradient of gradients) {
        const one = await trained(kind, gradient, { optimizer: optimizer(name), threads: 1 });
        assert.ok(one.every(Number.isFinite), `${name}, ${gradient}`);
        for (const threads of [2, 3]) {
          const more = await trained(kind, gradient, { optimizer: optimizer(name), threads });
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

test.run();
