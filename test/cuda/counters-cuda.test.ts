import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { countKernels } from '../helpers/cuda-counters.ts';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('counters on CUDA');
const reason = missingCuda() ?? (isEmulated() ? undefined : 'only the emulated driver counts');

/** One forward and backward pass over 128 rows of layers 13 → 128 → 64, counted, by kernel. */
function countTrace() {
  return countKernels(`
    import { loadAddon } from './src/addon/load.ts';
    import { tinyBatch, tinyOptions } from './test/helpers/tiny-model.ts';
    import { cotangent, twoLayers } from './test/helpers/two-layers.ts';
    const { Engine } = loadAddon();
    const options = tinyOptions({ device: 'cuda', batchSize: 128, guards: false });
    const engine = new Engine(twoLayers(128, 64), options);
    await engine.trace(tinyBatch(128), cotangent(128 * 64));
    await engine.dispose();
  `);
}

testUnless(test, reason, 'products read shared memory without bank conflicts, in all three layouts', () => {
  const counters = countTrace();
  for (const layout of ['cc', 'cs', 'ss']) {
    const kernel = counters.get(`gemm_${layout}_f32_small`);
    assert.ok(kernel, layout);
    assert.is(kernel.sharedLoad.bankConflicts, 0);
    assert.is(kernel.sharedStore.bankConflicts, 0);
    assert.is(kernel.localBytes, 0);
    // A row's 32 columns of a warp are whole sectors, but for the weights of 13 inputs.
    if (layout !== 'ss') assert.is(kernel.globalStore.sectorUse, 1);
  }
});

testUnless(test, reason, 'masking and summing by column moves whole sectors, each once', () => {
  const kernel = countTrace().get('mask_and_sum');
  assert.ok(kernel);
  // 128 rows of 64 columns of dy and y, eight floats a sector.
  assert.is(kernel.globalLoad.sectors, (2 * 128 * 64) / 8);
  assert.is(kernel.sharedLoad.bankConflicts + kernel.sharedStore.bankConflicts, 0);
  assert.is(kernel.localBytes, 0);
});

test.run();
