import { loadAddon } from '../../src/addon/load.ts';
import { emulatedDriverEnv, missingEmulatedDriver } from './emulated-driver.ts';
import { tinyOptions } from './tiny-model.ts';
import { twoLayers } from './two-layers.ts';

/**
 * Why tests can't use `device: 'cuda'` here, or undefined when they can; for `testUnless`. Without PSS_CUDA_DRIVER in the
 * environment the emulated driver is built and taken.
 */
export function missingCuda(): string | undefined {
  if (!process.env['PSS_CUDA_DRIVER']) {
    const missing = missingEmulatedDriver();
    if (missing !== undefined) return missing;
    Object.assign(process.env, emulatedDriverEnv());
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
