import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions, OptimizerSpec } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import { assertNear } from '../helpers/float-error.ts';
import { readAll } from '../helpers/op-graphs.ts';
import { testUnless } from '../helpers/skippable.ts';
import { constantRates, tinyBatch, tinyOptions } from '../helpers/tiny-model.ts';
import { twoLayers } from '../helpers/two-layers.ts';

const test = suite('steps on CUDA');
const reason = missingCuda();
const { Engine } = loadAddon();

const KINDS = ['sgd', 'adagrad', 'rowwise-adagrad', 'adam'] as const;

const optimizer = (kind: OptimizerSpec['kind']): OptimizerSpec => ({
  kind,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  initialAccumulator: 0.01,
});

const pair = (options: Partial<EngineOptions>) => ({
  cuda: new Engine(twoLayers(40, 1), tinyOptions({ ...options, device: 'cuda' })),
  cpu: new Engine(twoLayers(40, 1), tinyOptions(options)),
});

testUnless(test, reason, 'initial values are the same bits as on the CPU', async () => {
  const { cuda, cpu } = pair({});
  assertNear(await readAll(cuda), await readAll(cpu), 0);
  await Promise.all([cuda.dispose(), cpu.dispose()]);
});

for (const kind of KINDS) {
  for (const guards of [true, false]) {
    const name = `${kind}: 7 steps, the last one short, end where the CPU's end${guards ? ', inside all buffers' : ''}`;
    testUnless(test, reason, name, async () => {
      const { cuda, cpu } = pair({ optimizer: optimizer(kind), guards, batchSize: 48 });
      const rows = tinyBatch(6 * 48 + 5);
      const rates = constantRates(7, kind === 'adam' ? 0.01 : 0.1);
      const [actual, expected] = [await cuda.train(rows, 48, 1, rates), await cpu.train(rows, 48, 1, rates)];
      assert.is(actual.appliedSteps, 7);
      for (const [step, loss] of expected.losses.entries()) {
        assert.ok(Math.abs((actual.losses[step] as number) - loss) <= 1e-5 * loss, `loss of step ${step}`);
      }
      assertNear(await readAll(cuda), await readAll(cpu), 2e-5);
      await Promise.all([cuda.dispose(), cpu.dispose()]);
    });
  }
}

testUnless(test, reason, 'the same steps twice give the same bits, in one call or several', async () => {
  const rows = tinyBatch(160);
  const once = new Engine(twoLayers(40, 1), tinyOptions({ device: 'cuda', guards: false, batchSize: 32 }));
  await once.train(rows, 32, 1, constantRates(5));
  const steps = new Engine(twoLayers(40, 1), tinyOptions({ device: 'cuda', guards: false, batchSize: 32 }));
  for (let step = 0; step < 5; step++) {
    const part = {
      labels: rows.labels.subarray(32 * step, 32 * (step + 1)),
      dense: rows.dense.subarray(13 * 32 * step, 13 * 32 * (step + 1)),
      sparse: rows.sparse.subarray(26 * 32 * step, 26 * 32 * (step + 1)),
    };
    await steps.train(part, 32, step + 1, constantRates(1));
  }
  assertNear(await readAll(steps), await readAll(once), 0);
  await Promise.all([once.dispose(), steps.dispose()]);
});

testUnless(
  test,
  reason,
  'a loss that is not finite stops every later update, and only for that call',
  async () => {
    const { cuda, cpu } = pair({ batchSize: 16, guards: false });
    const rows = tinyBatch(80);
    rows.dense[16 * 2 * 13] = Number.POSITIVE_INFINITY;
    const actual = await cuda.train(rows, 16, 1, constantRates(5));
    const expected = await cpu.train(rows, 16, 1, constantRates(5));
    assert.is(actual.appliedSteps, 2);
    assert.is(actual.losses.length, expected.losses.length);
    assertNear(await readAll(cuda), await readAll(cpu), 2e-5);
    assert.is((await cuda.train(tinyBatch(32), 16, 3, constantRates(2))).appliedSteps, 2);
    await Promise.all([cuda.dispose(), cpu.dispose()]);
  },
);

testUnless(test, reason, 'prediction gives the CPU logits, over more rows than a batch holds', async () => {
  const { cuda, cpu } = pair({ training: false, guards: false });
  const rows = tinyBatch(2500);
  const [actual, expected] = [await cuda.predict(rows), await cpu.predict(rows)];
  assertNear(new Map([['logits', actual]]), new Map([['logits', expected]]), 2e-6);
  await Promise.all([cuda.dispose(), cpu.dispose()]);
});

testUnless(test, reason, 'written ranges read back, rows being padded on the device', async () => {
  const { cuda, cpu } = pair({});
  const values = Float32Array.from({ length: 30 }, (_, i) => i + 0.5);
  for (const engine of [cuda, cpu]) {
    await engine.write('first.weight', 7, values);
    await engine.write('second.bias', 0, Float32Array.of(3));
  }
  assertNear(await readAll(cuda), await readAll(cpu), 0);
  const back = new Float32Array(30);
  await cuda.read('first.weight', 7, back);
  assert.equal(back, values);
  await Promise.all([cuda.dispose(), cpu.dispose()]);
});

testUnless(
  test,
  reason,
  'the description names the GPU architecture, and timings have every part',
  async () => {
    const engine = new Engine(twoLayers(16, 1), tinyOptions({ device: 'cuda', graphs: false }));
    assert.match(engine.describe().isa, /^sm_\d+$/);
    await engine.train(tinyBatch(64), 64, 1, constantRates(1));
    const timings = await engine.takeTimings();
    for (const part of ['first.forward', 'second.backward', 'loss', 'update.dense']) {
      assert.ok((timings[part] as number) > 0, part);
    }
    await engine.dispose();
  },
);

testUnless(test, reason, 'full batches are launched as one graph, which is timed as a whole', async () => {
  const engine = new Engine(twoLayers(16, 1), tinyOptions({ device: 'cuda', guards: false }));
  await engine.train(tinyBatch(64 * 5 + 3), 64, 1, constantRates(6));
  assert.equal(Object.keys(await engine.takeTimings()), ['step']);
  await engine.dispose();
});

test.run();
