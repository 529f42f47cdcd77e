import type { EngineOptions } from '../addon/addon-types.ts';
import type { DeviceChoice } from '../config/config.ts';
import { UsageError } from '../errors.ts';
import type { EngineFactory } from './engine-factory.ts';

/** Where a model runs. */
export interface Device {
  /** `cpu`, or `cuda:N`. */
  readonly device: string;
  /** What its maker calls it. */
  readonly deviceName: string;
  readonly options: Pick<EngineOptions, 'device' | 'deviceIndex'>;
}

/**
 * The device a config asks for. `auto` is the first GPU where there is a driver, a GPU, and kernels that run on it, else the CPU.
 * @throws UsageError ERR_CUDA when a GPU was asked for by name and can't be used, saying what is missing
 */
export function resolveDevice(choice: DeviceChoice, engines: EngineFactory): Device {
  if (choice !== 'cpu') {
    const index = choice === 'auto' || choice === 'cuda' ? 0 : Number(choice.slice('cuda:'.length));
    try {
      const { name } = engines.findGpu(index);
      return {
        device: `cuda:${index}`,
        deviceName: name,
        options: { device: 'cuda', deviceIndex: index },
      };
    } catch (error) {
      if (choice !== 'auto') {
        throw new UsageError('ERR_CUDA', `device ${choice}: ${(error as Error).message}`, { cause: error });
      }
    }
  }
  return { device: 'cpu', deviceName: engines.machine().cpu, options: { device: 'cpu' } };
}
