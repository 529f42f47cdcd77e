import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import type { MachineInfo, UsableGpu } from '../addon/addon-types.ts';
import { loadAddon } from '../addon/load.ts';

/** One thing a machine may offer. */
export interface Check {
  /** Name in JSON. */
  readonly key: string;
  /** Name for a person. */
  readonly name: string;
  /** `off`: works without, at a cost; `broken`: pss can't work until it is mended. */
  readonly state: 'on' | 'off' | 'broken';
  /** What is there, or why it isn't. */
  readonly value: string;
  /** What to do, where something is to be done. */
  readonly advice?: string;
  /** The same as numbers and lists, for JSON. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** What the checks look at; a test hands in another machine. */
export interface MachineSources {
  /** Throws when the addon doesn't load. */
  readonly machineInfo: () => MachineInfo;
  /** As `Addon.findGpu`. */
  readonly findGpu: (index: number) => UsableGpu;
  /** Whether a file exists. */
  readonly exists: (path: string) => boolean;
  /** Names in a folder; empty when there is none. */
  readonly list: (folder: string) => readonly string[];
  /** Text of a file; undefined when there is none. */
  readonly read: (path: string) => string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What the engine's AVX-512 loops need, all of them. */
const AVX512 = ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl'] as const;
const NODE_MINIMUM = [20, 17] as const;
const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/lib/wsl/lib',
  '/usr/local/cuda/compat',
] as const;

const thisMachine: MachineSources = {
  machineInfo: () => loadAddon().machine(),
  findGpu: (index) => loadAddon().findGpu(index),
  exists: existsSync,
  list: (folder) => (existsSync(folder) ? readdirSync(folder) : []),
  read: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
  env: process.env,
};

/** Everything pss can use or needs, in the order of the report. */
export function examineMachine(sources: MachineSources = thisMachine): Check[] {
  const driver = checkCudaDriver(sources);
  return [
    checkNode(process.versions.node),
    ...checkAddon(sources),
    checkMemory(sources),
    driver,
    checkGpu(sources, driver.state === 'on'),
    checkMpi(sources),
  ];
}

/** @param version as in `process.versions.node` */
export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor >= NODE_MINIMUM[1]);
  const check = { key: 'node', name: 'Node.js', value: version };
  if (enough) return { ...check, state: 'on' };
  return { ...check, state: 'broken', advice: `pss needs ${NODE_MINIMUM.join('.')} or newer; install that.` };
}

function checkAddon(sources: MachineSources): Check[] {
  const cores = availableParallelism();
  const cpu: Check = {
    key: 'cpu',
    name: 'CPU',
    state: 'on',
    value: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cores} ${cores === 1 ? 'core' : 'cores'}`,
    facts: { cores },
  };
  let info: MachineInfo;
  try {
    info = sources.machineInfo();
  } catch (error) {
    return [
      cpu,
      {
        key: 'addon',
        name: 'Native addon',
        state: 'broken',
        value: (error as Error).message,
      },
    ];
  }
  const vector = info.features.filter((feature) => /^(avx|amx)/.test(feature));
  return [
    { ...cpu, value: `${info.cpu}, ${info.cores} ${info.cores === 1 ? 'core' : 'cores'}` },
    checkFeatures(vector),
    { key: 'addon', name: 'Native addon', state: 'on', value: `loads; built by ${info.compiler}` },
    { key: 'isa', name: 'Kernels', state: 'on', value: `${info.isa}; PSS_ISA chooses another set` },
  ];
}

function checkFeatures(features: readonly string[]): Check {
  const check = {
    key: 'features',
    name: 'Vector units',
    value: features.join(' ') || 'none that matter here',
    facts: { features },
  };
  if (AVX512.every((feature) => features.includes(feature))) return { ...check, state: 'on' };
  return {
    ...check,
    state: 'off',
    advice:
      'Without AVX-512 (f, bw, dq, vl) the embedding work runs in plain loops, with the same results but slower.',
  };
}

function checkMemory({ read }: MachineSources): Check {
  const limit = Number(read('/sys/fs/cgroup/memory.max'));
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const limited = total < totalmem() ? `, limited to ${gigabytes(total)} by the container` : '';
  return {
    key: 'memory',
    name: 'Memory',
    state: 'on',
    value: `${gigabytes(totalmem())}, ${gigabytes(freemem())} free${limited}`,
    facts: { totalBytes: total, freeBytes: freemem() },
  };
}

function checkCudaDriver(sources: MachineSources): Check {
  const named = sources.env['PSS_CUDA_DRIVER'];
  const path = named ? [named].find(sources.exists) : findLibrary('libcuda.so.1', sources);
  const check = { key: 'cudaDriver', name: 'CUDA driver' };
  if (path !== undefined) return { ...check, state: 'on', value: path, facts: { path } };
  return {
    ...check,
    state: 'off',
    value: named
      ? `${named}, which PSS_CUDA_DRIVER names, is not there`
      : 'libcuda.so.1 is not on this machine',
    advice: named ? 'Correct or unset PSS_CUDA_DRIVER.' : 'Nothing to do: pss trains on the CPU.',
  };
}

function checkGpu(sources: MachineSources, hasDriver: boolean): Check {
  const folder = '/proc/driver/nvidia/gpus';
  const names = sources
    .list(folder)
    .map(
      (gpu) =>
        /^Model:\s*(.+)$/m.exec(sources.read(join(folder, gpu, 'information')) ?? '')?.[1]?.trim() ?? gpu,
    );
  const check = { key: 'gpu', name: 'GPU' };
  try {
    const gpu = sources.findGpu(0);
    return {
      ...check,
      state: 'on',
      value: `${gpu.name}, compute capability ${gpu.computeCapability}, ${gigabytes(gpu.memoryBytes)}`,
      facts: { names: names.length > 0 ? names : [gpu.name], ...gpu },
    };
  } catch (error) {
    const off = { ...check, state: 'off', facts: { names } } as const;
    if (names.length > 0) {
      return { ...off, value: `${names.join(', ')}, of no use to pss`, advice: (error as Error).message };
    }
    if (!hasDriver) return { ...off, value: 'no NVIDIA driver, so none can be seen' };
    return {
      ...off,
      value: 'the driver is there but shows no NVIDIA GPU',
      advice: 'In a container, start it with access to the GPU.',
    };
  }
}

function checkMpi({ env, exists }: MachineSources): Check {
  const launcher = (env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'mpirun'))
    .find((path) => exists(path));
  const check = { key: 'mpi', name: 'MPI' };
  if (launcher !== undefined) {
    return {
      ...check,
      state: 'on',
      value: `${launcher}; this version of pss runs in one process`,
      facts: { launcher },
    };
  }
  return {
    ...check,
    state: 'off',
    value: 'mpirun is not on the PATH',
    advice: 'Nothing to do: this version of pss runs in one process.',
  };
}

function findLibrary(name: string, { exists, env }: MachineSources): string | undefined {
  const folders = [...(env['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter(Boolean), ...LIBRARY_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(exists);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
