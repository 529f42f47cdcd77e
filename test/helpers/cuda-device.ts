import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadAddon } from '../../src/addon/load.ts';
import { repositoryRoot } from './shared-folder.ts';
import { tinyOptions } from './tiny-model.ts';
import { twoLayers } from './two-layers.ts';

/** The stand-in driver that runs kernels on the CPU, where it was built. */
const EMULATED_DRIVER = join(repositoryRoot, 'build', 'emu', 'libcuda_emu.so');

/**
 * Why tests can't use `device: 'cuda'` here, or undefined when they can; for `testUnless`. Without PSS_CUDA_DRIVER in the
 * environment the emulated driver is taken where it is built, and the machine's own otherwise.
 */
export function missingCuda(): string | undefined {
  if (!process.env['PSS_CUDA_DRIVER'] && existsSync(EMULATED_DRIVER)) {
    process.env['PSS_CUDA_DRIVER'] = EMULATED_DRIVER;
  }
  try {
    const { Engine } = loadAddon();
    void new Engine(twoLayers(16, 1), tinyOptions({ device: 'cuda' })).dispose();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Whether the driver in use is the emulated one, which has schedules to choose and counters. */
export function isEmulated(): boolean {
  return process.env['PSS_CUDA_DRIVER']?.includes('cuda_emu') === true;
}
