import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { countKernels } from '../helpers/cuda-counters.ts';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('counters on CUDA');
const reason = missingCuda() ?? (isEmulated() ? undefined : 'only the emulated driver counts');

/** One forward and backward pass over 128 rows of layers 13 → hidden → outputs, counted, by kernel. */
function countTrace(
  precision: 'f32' | 'bf16' = 'f32',
  [hidden, outputs]: readonly [number, number] = [128, 64],
) {
  return countKernels(`
    import { loadAddon } from './src/addon/load.ts';
    import { tinyBatch, tinyOptions } from './test/helpers/tiny-model.ts';
    import { cotangent, twoLayers } from './test/helpers/two-layers.ts';
    const { Engine } = loadAddon();
    const options = tinyOptions({ device: 'cuda', batchSize: 128, guards: false, precision: '${precision}' });
    const engine = new Engine(twoLayers(${hidden}, ${outputs}), options);
    await engine.trace(tinyBatch(128), cotangent(128 * ${outputs}));
    await engine.dispose();
  `);
}

for (const precision of ['f32', 'bf16'] as const) {
  for (const [size, shape] of [
    ['small', [128, 64]],
    ['large', [1536, 1536]],
  ] as const) {
    // Weight gradients of the large case have 144 tiles, its other products 12: those stay small.
    const layouts = size === 'small' ? ['cc', 'cs', 'ss'] : ['ss'];
    const name = `${precision}, ${size} tiles: products use shared memory without bank conflicts (${layouts})`;
    testUnless(test, reason, name, () => {
      const counters = countTrace(precision, shape);
      for (const layout of layouts) {
        const kernel = counters.get(`gemm_${layout}_${precision}_${size}`);
        assert.ok(kernel, layout);
        assert.is(kernel.sharedLoad.bankConflicts, 0);
        assert.is(kernel.sharedStore.bankConflicts, 0);
        assert.is(kernel.localBytes, 0);
        // A row's 32 columns of a warp are whole sectors, but for the weights of 13 inputs.
        if (layout !== 'ss' || size === 'large') assert.is(kernel.globalStore.sectorUse, 1);
      }
    });
  }
}

testUnless(test, reason, 'masking and summing by column moves whole sectors, each once', () => {
  const kernel = countTrace().get('mask_and_sum');
  assert.ok(kernel);
  // 128 rows of 64 columns of dy and y, eight floats a sector.
  assert.is(kernel.globalLoad.sectors, (2 * 128 * 64) / 8);
  assert.is(kernel.sharedLoad.bankConflicts + kernel.sharedStore.bankConflicts, 0);
  assert.is(kernel.localBytes, 0);
});

test.run();
