import { availableParallelism } from 'node:os';
import type { EngineOptions, MachineInfo, NativeEngine } from '../addon/addon-types.ts';
import { loadAddon } from '../addon/load.ts';
import type { Config } from '../config/config.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';

/** What compiles graphs; the native addon, or a stand-in in tests. */
export interface EngineFactory {
  createEngine(graph: GraphSpec, options: EngineOptions): NativeEngine;
  machine(): Pick<MachineInfo, 'cpu' | 'onednn'>;
}

/** The native addon as an engine factory. */
export function nativeEngines(): EngineFactory {
  const addon = loadAddon();
  return {
    createEngine: (graph, options) => new addon.Engine(graph, options),
    machine: () => addon.machine(),
  };
}

/** Threads a config asks for; `auto` is one for each core this process may use. */
export function resolveThreads(config: Pick<Config, 'threads'>): number {
  return config.threads === 'auto' ? availableParallelism() : config.threads;
}
