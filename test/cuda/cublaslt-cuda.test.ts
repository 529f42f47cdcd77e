import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions } from '../../src/addon/addon-types.ts';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { EMULATED_CUBLASLT } from '../helpers/emulated-driver.ts';
import { runModule } from '../helpers/run-module.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('cuBLASLt');
const reason =
  missingCuda() ?? (isEmulated() ? undefined : 'the stand-in library runs on the emulated driver alone');

interface Outcome {
  readonly status: number | null;
  readonly stderr: string;
  readonly implementations: readonly string[];
  readonly losses: readonly number[];
  readonly weights: readonly number[];
}

/** Five steps of two layers in a process of its own, since a library once loaded stays. */
function train(options: Partial<EngineOptions>, env: Readonly<Record<string, string>>): Outcome {
  const script = `
    import { loadAddon } from './src/addon/load.ts';
    import { constantRates, tinyBatch, tinyOptions } from './test/helpers/tiny-model.ts';
    import { twoLayers } from './test/helpers/two-layers.ts';
    const { Engine } = loadAddon();
    const options = { device: 'cuda', guards: false, batchSize: 48, ...${JSON.stringify(options)} };
    const engine = new Engine(twoLayers(40, 1), tinyOptions(options));
    // The last batch is short.
    const { losses } = await engine.train(tinyBatch(4 * 48 + 5), 48, 1, constantRates(5));
    const weights = new Float32Array(40 * 13);
    await engine.read('first.weight', 0, weights);
    const implementations = engine.describe().nodes.map(({ implementation }) => implementation);
    process.stdout.write(JSON.stringify({ implementations, losses: [...losses], weights: [...weights] }));
    await engine.dispose();
  `;
  const { status, stdout, stderr } = runModule(script, { PTX_STRICT: '1', PTX_LEAKS: '1', ...env });
  const told = status === 0 ? JSON.parse(stdout) : { implementations: [], losses: [], weights: [] };
  return { status, stderr, ...told };
}

const library = { PSS_CUBLASLT: EMULATED_CUBLASLT };
const none = { PSS_CUBLASLT: 'off' };
const serves = ({ implementations }: Outcome) => implementations.some((name) => name.includes('cublaslt'));

for (const [name, options] of [
  ['bf16', { precision: 'bf16' }],
  ['tf32', { tf32: true }],
] as const) {
  testUnless(test, reason, `${name}: serves weight gradients, with the results of the own kernels`, () => {
    const [its, own] = [train(options, library), train(options, none)];
    assert.is(its.status, 0, its.stderr);
    assert.not.match(its.stderr, /^emu:/m);
    assert.is(serves(its), true);
    assert.is(serves(own), false);
    // Both sum products of the same rounded numbers in float32, in another order: far closer than the rounding.
    for (const [i, loss] of own.losses.entries()) {
      assert.ok(
        Math.abs((its.losses[i] as number) - loss) <= (name === 'bf16' ? 1e-6 : 1e-4) * loss,
        `step ${i}`,
      );
    }
  });
}

testUnless(
  test,
  reason,
  'gives the same bits twice, as one graph or call by call, in random stream order',
  () => {
    const runs = [
      train({ precision: 'bf16' }, library),
      train({ precision: 'bf16', graphs: false }, library),
      train({ precision: 'bf16' }, { ...library, PTX_STREAMS: 'rand', PTX_ORDER: 'rand', PTX_SEED: '5' }),
    ];
    for (const run of runs) {
      assert.is(run.status, 0, run.stderr);
      assert.equal([run.losses, run.weights], [runs[0]?.losses, runs[0]?.weights]);
    }
  },
);

testUnless(test, reason, 'float32 keeps to the own kernels, and so does whoever forbids the library', () => {
  assert.is(serves(train({}, library)), false);
  assert.is(serves(train({ precision: 'bf16', cublasLt: false }, library)), false);
});

testUnless(test, reason, 'a file that is no cuBLASLt is refused in one sentence', () => {
  const { status, stderr } = train({ precision: 'bf16' }, { PSS_CUBLASLT: '/nowhere/libcublasLt.so' });
  assert.is.not(status, 0);
  assert.match(stderr, /PSS_CUBLASLT names \/nowhere\/libcublasLt.so, which can't be loaded as cuBLASLt/);
});

test.run();
