/**
 * What the assembler says of every kernel: registers, shared memory, spills. Needs nvcc, no GPU. Results are kept in
 * build/ptxas, by the contents of what each file is compiled from.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, relative } from 'node:path';
import { listFiles, root } from './staleness.mjs';

/** Compute capabilities that the kernels must assemble for, times ten. */
export const ARCHITECTURES = [75, 80, 86, 89, 90, 100, 120];

/** As cmake/cuda.cmake compiles device code. */
const OPTIONS = ['-std=c++17', '-O3', '-fmad=false', '--expt-relaxed-constexpr', `-I${join(root, 'native')}`];
const FOLDER = join(root, 'build', 'ptxas');

/** Every file of device code, from the root. */
export function kernelFiles() {
  return listFiles(join(root, 'native'))
    .filter((file) => file.endsWith('.cu'))
    .map((file) => relative(root, file));
}

/**
 * Assembles files for architectures, as many at a time as there are cores.
 * @throws Error with the compiler's words when one doesn't assemble
 */
export async function assembleKernels(nvcc, files, architectures) {
  mkdirSync(FOLDER, { recursive: true });
  const jobs = files.flatMap((file) => architectures.map((architecture) => ({ file, architecture })));
  const results = [];
  const worker = async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      results.push(...(await assemble(nvcc, job.file, job.architecture)));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}

async function assemble(nvcc, file, architecture) {
  const kept = join(FOLDER, `${basename(file, '.cu')}.sm_${architecture}.json`);
  const known = existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : undefined;
  if (known && known.hash === contentHash(nvcc, known.sources)) return known.kernels;
  const output = `${kept}.${process.pid}`;
  const dependencies = `${output}.d`;
  const target = ['-cubin', `-arch=sm_${architecture}`, '-Xptxas', '-v'];
  const { code, text } = await run(nvcc, [
    ...target,
    ...OPTIONS,
    ...['-MD', '-MF', dependencies, '-o', output, join(root, file)],
  ]);
  if (code !== 0) throw new Error(`${file} doesn't assemble for sm_${architecture}:\n${text}`);
  const kernels = parseResources(text).map((kernel) => ({ file, architecture, ...kernel }));
  const sources = ownSources(readFileSync(dependencies, 'utf8'));
  writeFileSync(output, JSON.stringify({ hash: contentHash(nvcc, sources), sources, kernels }));
  renameSync(output, kept);
  return kernels;
}

/** Of what a file was made from, the part that lies in this repository. */
function ownSources(rule) {
  return rule
    .replace(/\\\n/g, ' ')
    .split(/\s+/)
    .filter((path) => path.startsWith(join(root, 'native')))
    .map((path) => relative(root, path));
}

function contentHash(nvcc, sources) {
  const hash = createHash('sha256').update(`${nvcc}\0${OPTIONS.slice(0, -1)}\0`);
  for (const source of sources) {
    const path = join(root, source);
    hash.update(`${source}\0`).update(existsSync(path) ? readFileSync(path) : '');
  }
  return hash.digest('hex');
}

/** The words of `ptxas -v`: a line that names a kernel, then lines about it and the functions it calls. */
export function parseResources(text) {
  const kernels = [];
  for (const line of text.split('\n')) {
    const name = /Compiling entry function '([^']+)'/.exec(line)?.[1];
    if (name) kernels.push({ name, registers: 0, sharedBytes: 0, stackBytes: 0, spillBytes: 0 });
    const kernel = kernels.at(-1);
    if (!kernel) continue;
    const stack = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    if (stack) {
      kernel.stackBytes += Number(stack[1]);
      kernel.spillBytes += Number(stack[2]) + Number(stack[3]);
    }
    const used = /Used (\d+) registers/.exec(line);
    if (used) {
      kernel.registers = Number(used[1]);
      kernel.sharedBytes = Number(/(\d+) bytes smem/.exec(line)?.[1] ?? 0);
    }
  }
  return kernels;
}

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('error', (error) => resolve({ code: 1, text: error.message }));
    child.on('close', (code) => resolve({ code, text }));
  });
}
