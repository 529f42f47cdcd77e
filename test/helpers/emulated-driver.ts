import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findNvcc } from '../../scripts/find-nvcc.mjs';
import { repositoryRoot } from './shared-folder.ts';

const LIBRARY = join(repositoryRoot, 'build', 'emu', 'libcuda_emu.so');
/** A cuBLASLt that runs on the emulated driver, for PSS_CUBLASLT; there once the driver is built. */
export const EMULATED_CUBLASLT = join(repositoryRoot, 'build', 'emu', 'libcublasLt_emu.so');

/** How the emulated driver should behave; docs/emulated-driver.md has the environment variables behind this. */
export interface EmulatedDriverOptions {
  /** Order of the threads of a kernel. */
  readonly threads?: 'fwd' | 'rev' | 'rand';
  /** When queued work runs. */
  readonly streams?: 'lazy' | 'rand' | 'eager';
  readonly seed?: number;
  /** Report races in shared memory. */
  readonly races?: boolean;
  /** Turn warnings (a host buffer that was changed before its copy ran) into errors. */
  readonly strict?: boolean;
  /** A file for the counters, as JSON, written when the process ends. */
  readonly statistics?: string;
  /** Seconds a kernel may run. */
  readonly limitSeconds?: number;
  /** Compute capability, `9.0` by default. */
  readonly capability?: string;
}

let missing: { reason: string | undefined } | undefined;

/**
 * Why the emulated driver can't be used here, for `testUnless`; undefined when it can. The first call builds it when its
 * sources have changed; several processes may call at once.
 * @throws Error with the compiler's output when it doesn't build
 */
export function missingEmulatedDriver(): string | undefined {
  missing ??= { reason: prepare() };
  return missing.reason;
}

function prepare(): string | undefined {
  if (!findNvcc()) return 'no CUDA compiler (nvcc) here';
  mkdirSync(join(repositoryRoot, 'build'), { recursive: true });
  const build = join(repositoryRoot, 'scripts', 'build-emu.mjs');
  const lock = join(repositoryRoot, 'build', 'emu.lock');
  // flock lets go of the lock when the process ends, however it ends.
  const { status, stderr, error } = spawnSync('flock', [lock, process.execPath, build], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the emulated driver doesn't build: ${error?.message ?? ''}${stderr}`);
  return undefined;
}

/** Environment variables for a process that is to run `device: cuda` on the emulated driver. */
export function emulatedDriverEnv(options: EmulatedDriverOptions = {}): Record<string, string> {
  const { threads, streams, seed, races, strict, statistics, limitSeconds, capability } = options;
  return {
    PSS_CUDA_DRIVER: LIBRARY,
    ...(threads !== undefined && { PTX_ORDER: threads }),
    ...(streams !== undefined && { PTX_STREAMS: streams }),
    ...(seed !== undefined && { PTX_SEED: String(seed) }),
    ...(races === true && { PTX_RACE: '1' }),
    ...(strict === true && { PTX_STRICT: '1' }),
    ...(statistics !== undefined && { PTX_STATS: statistics }),
    ...(limitSeconds !== undefined && { PTX_LIMIT: String(limitSeconds) }),
    ...(capability !== undefined && { PTX_CC: capability }),
  };
}

/**
 * Compiles a CUDA file to a fatbin with PTX that the emulated driver reads; kept by content.
 * @param source path of the .cu file
 * @param architecture number of the virtual architecture, as in compute_80
 * @returns the folder, made for this content, in which NAME.fatbin lies
 * @throws Error with the compiler's output
 */
export function compileKernels(sources: ReadonlyArray<{ source: string; architecture?: number }>): string {
  const compiler = findNvcc();
  if (!compiler) throw new Error('compileKernels needs nvcc; ask missingEmulatedDriver() first');
  const hash = createHash('sha256');
  for (const { source, architecture } of sources) hash.update(`${architecture} ${readFileSync(source)}\0`);
  const folder = join(repositoryRoot, 'build', 'emu-kernels', hash.digest('hex').slice(0, 16));
  mkdirSync(folder, { recursive: true });
  for (const { source, architecture = 80 } of sources) {
    const fatbin = join(folder, `${basename(source, '.cu')}.fatbin`);
    if (existsSync(fatbin)) continue;
    const own = `${fatbin}.${process.pid}`;
    const target = `arch=compute_${architecture},code=compute_${architecture}`;
    const { status, stderr } = spawnSync(
      compiler.nvcc,
      ['-std=c++17', '-fatbin', '--no-compress', '-gencode', target, '-o', own, source],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`${source} doesn't compile: ${stderr}`);
    renameSync(own, fatbin);
  }
  return folder;
}
