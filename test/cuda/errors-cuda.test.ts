import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import { testUnless } from '../helpers/skippable.ts';
import { tinyGraph, tinyOptions } from '../helpers/tiny-model.ts';
import { twoLayers } from '../helpers/two-layers.ts';

const test = suite('errors of CUDA');
const { Engine } = loadAddon();

/** Code and message of the error that making an engine throws. */
function failure(
  options: Partial<EngineOptions>,
  graph = twoLayers(16, 1),
): { code: string; message: string } {
  try {
    void new Engine(graph, tinyOptions(options)).dispose();
  } catch (error) {
    return error as { code: string; message: string };
  }
  return { code: 'none', message: '' };
}

/** What making an engine says when the driver's file isn't there. Must be asked first: a driver once found stays. */
function failureWithoutDriver() {
  const driver = process.env['PSS_CUDA_DRIVER'];
  process.env['PSS_CUDA_DRIVER'] = '/nowhere/libcuda.so';
  const found = failure({ device: 'cuda' });
  if (driver === undefined) delete process.env['PSS_CUDA_DRIVER'];
  else process.env['PSS_CUDA_DRIVER'] = driver;
  return found;
}

const withoutDriver = failureWithoutDriver();
const reason = missingCuda();

test('without a driver, or without kernels, one sentence says so', () => {
  assert.is(withoutDriver.code, 'ERR_CUDA');
  assert.match(
    withoutDriver.message,
    /^(The CUDA driver can't be loaded|This build has no CUDA kernels).*\.$/,
  );
});

test('an unknown device is refused', () => {
  const { code, message } = failure({ device: 'tpu' as 'cuda' });
  assert.is(code, 'ERR_GRAPH');
  assert.match(message, /Unknown device 'tpu'/);
});

testUnless(test, reason, 'a GPU that is not there is named, with how many there are', () => {
  const { code, message } = failure({ device: 'cuda', deviceIndex: 99 });
  assert.is(code, 'ERR_CUDA');
  assert.match(message, /^There is no GPU 99: the CUDA driver finds \d+/);
});

testUnless(
  test,
  missingCuda(),
  'a model that does not fit the GPU is refused, and the next one works',
  () => {
    const sets = ['embedding.memorySize=3000000000', 'embedding.dim=16'];
    const { code } = failure({ device: 'cuda', guards: false }, tinyGraph(...sets));
    assert.is(code, 'ERR_MEMORY');
    assert.is(failure({ device: 'cuda' }).code, 'none');
  },
);

test.run();
