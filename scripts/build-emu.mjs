/**
 * npm run build:emu
 *
 * Builds build/emu/libcuda_emu.so, the emulated CUDA driver, libcublasLt_emu.so, its cuBLASLt, and build/emu/probe, the programs
 * that test it, when what they are made from has changed. Needs g++, cmake and the headers that come with nvcc, but no GPU.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { findNvcc } from './find-nvcc.mjs';
import { run, runScript, SetupError, say } from './run-command.mjs';
import { fingerprint, isFresh, root, writeStamp } from './staleness.mjs';

const LIBRARY = 'build/emu/libcuda_emu.so';
const STAMP = 'build/emu/inputs.sha256';

function buildEmulatedDriver() {
  const found = findNvcc();
  if (!found) {
    throw new SetupError(
      'No CUDA compiler was found (CUDACXX, PATH, /usr/local/cuda/bin); install the CUDA toolkit to build the emulated driver.',
    );
  }
  const inputs = fingerprint(
    ['CMakeLists.txt', 'cublaslt', 'driver', 'runtime', 'probes', 'node'].map((part) => `test/emu/${part}`),
    [found.include, root],
  );
  if (isFresh(LIBRARY, STAMP, inputs)) return;
  say('Building the emulated CUDA driver ...');
  const advice = 'mend what the compiler names above';
  const modules = join(root, 'node_modules');
  const settings = {
    CUDA_INCLUDE: found.include,
    NVCC: found.nvcc,
    EMU_TSX: join(modules, 'tsx', 'dist', 'loader.mjs'),
    NODE_HEADERS: join(modules, 'node-api-headers', 'include'),
  };
  const defines = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  run('cmake', ['-S', 'test/emu', '-B', 'build/emu', ...defines], { advice });
  run('cmake', ['--build', 'build/emu', '-j', String(Math.min(4, availableParallelism()))], { advice });
  writeStamp(STAMP, inputs);
}

await runScript(buildEmulatedDriver);
