import { availableParallelism } from 'node:os';
import type { EngineOptions, MachineInfo, NativeEngine, UsableGpu } from '../addon/addon-types.ts';
import { loadAddon } from '../addon/load.ts';
import type { Config } from '../config/config.ts';
import { UsageError } from '../errors.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';

/** What compiles graphs; the native addon, or a stand-in in tests. */
export interface EngineFactory {
  createEngine(graph: GraphSpec, options: EngineOptions): NativeEngine;
  machine(): Pick<MachineInfo, 'cpu' | 'isa'>;
  /** As `Addon.findGpu`. */
  findGpu(index: number): Pick<UsableGpu, 'name'>;
}

/** The native addon as an engine factory. */
export function nativeEngines(): EngineFactory {
  const addon = loadAddon();
  return {
    createEngine: (graph, options) => {
      try {
        return new addon.Engine(graph, options);
      } catch (error) {
        throw explainRefusal(error);
      }
    },
    machine: () => addon.machine(),
    findGpu: (index) => addon.findGpu(index),
  };
}

/** What was asked for by name and this device or CPU can't do is wrong usage, not a failure. */
function explainRefusal(error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  return code === 'ERR_PRECISION' || code === 'ERR_ISA'
    ? new UsageError(code, message, { cause: error })
    : error;
}

/** Threads a config asks for; `auto` is one for each core this process may use. */
export function resolveThreads(config: Pick<Config, 'threads'>): number {
  return config.threads === 'auto' ? availableParallelism() : config.threads;
}
