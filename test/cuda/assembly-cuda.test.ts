import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findNvcc } from '../../scripts/find-nvcc.mjs';
import { ARCHITECTURES, assembleKernels, kernelFiles, parseResources } from '../../scripts/ptxas.mjs';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('assembly of kernels');
const found = findNvcc();
const reason = found ? undefined : 'there is no CUDA compiler (nvcc) here';

testUnless(test, reason, `every kernel assembles for ${ARCHITECTURES.join(', ')}`, async () => {
  const kernels = await assembleKernels(found?.nvcc as string, kernelFiles(), ARCHITECTURES);
  const names = new Set(kernels.map(({ name }) => name));
  assert.is(kernels.length, names.size * ARCHITECTURES.length);
});

testUnless(test, reason, 'no kernel spills or uses local memory on sm_80 and sm_90', async () => {
  for (const kernel of await assembleKernels(found?.nvcc as string, kernelFiles(), [80, 90])) {
    const { name, architecture, stackBytes, spillBytes } = kernel;
    assert.equal(
      { name, architecture, stackBytes, spillBytes },
      { ...{ name, architecture }, stackBytes: 0, spillBytes: 0 },
    );
  }
});

test('what the assembler says is understood, functions that a kernel calls included', () => {
  const text = `ptxas info    : Compiling entry function 'first' for 'sm_90'
ptxas info    : Function properties for first
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 1024 bytes smem
ptxas info    : Function properties for helper
    24 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Compiling entry function 'second' for 'sm_90'
ptxas info    : Function properties for second
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 12 registers, used 0 barriers, 400 bytes cmem[0]`;
  assert.equal(parseResources(text), [
    { name: 'first', registers: 40, sharedBytes: 1024, stackBytes: 40, spillBytes: 20 },
    { name: 'second', registers: 12, sharedBytes: 0, stackBytes: 0, spillBytes: 0 },
  ]);
});

test.run();
