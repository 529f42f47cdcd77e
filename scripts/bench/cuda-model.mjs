/**
 * npm run bench:cuda-model [-- --case NAME] [--precision f32|bf16] [--rows N] [--json FILE]
 *
 * What can be known of the GPU kernels without a GPU: registers, shared memory and spills from the assembler, occupancy from
 * published limits, memory traffic and arithmetic from the emulated driver's counters, and the time that these take at the
 * least on an A100 and an H100. docs/cuda.md explains the columns.
 *
 * Emulating a whole batch takes long. So one step is counted at N and at 2·N rows, and each counter is extended as a straight line to the
 * case's batch: every one is a constant plus a number a row, given the same kernels. With --rows of at least the case's batch it is
 * counted whole.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findNvcc } from '../find-nvcc.mjs';
import { assembleKernels, kernelFiles } from '../ptxas.mjs';
import { run, runScript, SetupError, say } from '../run-command.mjs';
import { root } from '../staleness.mjs';
import { GPUS, occupancy, roofline } from './gpus.mjs';

const ACCESSES = ['globalLoad', 'globalStore', 'globalAtomic'];
const SECTOR_BYTES = 32;

async function main() {
  const { values: options } = parseArgs({
    options: {
      case: { type: 'string', multiple: true, default: ['tb-2048', 'kaggle-2048'] },
      precision: { type: 'string', multiple: true, default: ['f32', 'bf16'] },
      rows: { type: 'string', default: '128' },
      json: { type: 'string' },
    },
  });
  const rows = Number(options.rows);
  if (!Number.isInteger(rows) || rows < 1) throw new SetupError('--rows takes a whole number from 1 on.');
  const nvcc = findNvcc()?.nvcc;
  if (!nvcc) throw new SetupError('The model needs nvcc, which was not found; set CUDACXX to it.');
  run(process.execPath, ['scripts/build-emu.mjs'], { advice: 'mend what is named above' });
  say('Assembling all kernels ...');
  const resources = await assembleKernels(
    nvcc,
    kernelFiles(),
    GPUS.map(({ architecture }) => architecture),
  );
  const report = [];
  for (const name of options.case) {
    for (const precision of options.precision) {
      say(`Counting a step of ${name} in ${precision} ...`);
      const kernels = countCase(name, precision, rows).map((kernel) => describe(kernel, resources));
      print(name, precision, kernels);
      report.push({ case: name, precision, kernels });
    }
  }
  printOthers(report, resources);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
}

/** Counters of one step, by kernel, of a case's whole batch. */
function countCase(name, precision, rows) {
  const batch = Number(name.split('-')[1]);
  const set = runStep(name, precision, Math.min(rows, batch), 0);
  const few = subtract(runStep(name, precision, Math.min(rows, batch), 1), set);
  if (rows >= batch) return [...few].map(([kernel, counters]) => ({ kernel, ...counters }));
  const more = subtract(runStep(name, precision, Math.min(2 * rows, batch), 1), set);
  const share = (batch - rows) / (Math.min(2 * rows, batch) - rows);
  return [...more].map(([kernel, counters]) => ({
    kernel,
    ...combine(few.get(kernel) ?? counters, counters, (a, b) => a + (b - a) * share),
  }));
}

/** The emulated driver's counters of a process that makes an engine and takes `steps` steps. */
function runStep(name, precision, rows, steps) {
  const folder = mkdtempSync(join(tmpdir(), 'pss-model-'));
  const file = join(folder, 'counters.json');
  const script = `
    import { loadAddon } from './dist/addon/load.js';
    import { benchCase } from './dist/bench/cases.js';
    import { syntheticBatch } from './dist/bench/synthetic-batch.js';
    const { config, model, tableSizes } = benchCase('${name}');
    const engine = new (loadAddon().Engine)(model.graph, {
      batchSize: ${rows}, threads: 2, seed: 1, optimizer: config.optimizer, isa: 'auto', training: true,
      device: 'cuda', precision: '${precision}', cublasLt: false, graphs: false,
    });
    if (${steps}) await engine.train(syntheticBatch(${rows}, tableSizes, 13, 1), ${rows}, 1, new Float64Array([0.1]));
    await engine.dispose();
  `;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
    env: { ...process.env, PSS_CUDA_DRIVER: join(root, 'build/emu/libcuda_emu.so'), PTX_STATS: file },
    encoding: 'utf8',
  });
  if (status !== 0) throw new SetupError(`${name} doesn't run on the emulated driver: ${stderr}`);
  const counters = new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8'))));
  rmSync(folder, { recursive: true });
  return counters;
}

/** Numbers of two counters joined, however deep they lie; what describes a launch rather than counts stays. */
function combine(a, b, join2) {
  return Object.fromEntries(
    Object.entries(b).map(([key, value]) => {
      if (key === 'blockThreads' || key === 'dynamicSharedBytes') return [key, value];
      return [
        key,
        typeof value === 'number' ? join2(a[key] ?? 0, value) : combine(a[key] ?? {}, value, join2),
      ];
    }),
  );
}

function subtract(counters, less) {
  const left = [...counters].map(([name, each]) => [
    name,
    combine(less.get(name) ?? {}, each, (a, b) => b - a),
  ]);
  return new Map(left.filter(([, { launches }]) => launches > 0));
}

/** One row of the report. */
function describe(counters, resources) {
  const sectors = (what) => ACCESSES.reduce((sum, access) => sum + counters[access][what], 0);
  // What a kernel reads and writes is counted once for each.
  const leastBytes = SECTOR_BYTES * sectors('distinctSectors');
  const ofGpus = GPUS.map((gpu) => {
    const own = resources.find(
      ({ name, architecture }) => name === counters.kernel && architecture === gpu.architecture,
    );
    const shared = own.sharedBytes + counters.dynamicSharedBytes;
    return {
      gpu: gpu.name,
      registers: own.registers,
      sharedBytes: shared,
      spillBytes: own.spillBytes + own.stackBytes,
      occupancy: occupancy(gpu, own.registers, counters.blockThreads, shared),
      ...roofline(gpu, leastBytes, counters.flops),
    };
  });
  return {
    kernel: counters.kernel,
    launches: Math.round(counters.launches),
    requestedBytes: SECTOR_BYTES * sectors('sectors'),
    leastBytes,
    sectorUse: sectors('bytes') / (SECTOR_BYTES * sectors('sectors')),
    bankConflicts: Math.round(
      counters.sharedLoad.bankConflicts +
        counters.sharedStore.bankConflicts +
        counters.sharedAtomic.bankConflicts,
    ),
    flops: counters.flops,
    gpus: ofGpus,
  };
}

const total = (kernels, gpu) =>
  kernels.reduce((sum, { gpus }) => sum + gpus.find((each) => each.gpu === gpu).milliseconds, 0);

function print(name, precision, kernels) {
  const [first, second] = GPUS.map((gpu) => gpu.name);
  tell('');
  tell(`${name}, ${precision}: one step`);
  tell(
    `kernel                    launches  regs ${first}/${second}  shared KiB  spills  occupancy      least MB  requested/least  use  conflicts   GFLOP  ${first} ms  ${second} ms  bound`,
  );
  for (const row of [...kernels].sort((a, b) => b.gpus[0].milliseconds - a.gpus[0].milliseconds)) {
    const [a, b] = row.gpus;
    const gflop = Object.values(row.flops).reduce((sum, n) => sum + n, 0) / 1e9;
    tell(
      [
        row.kernel.padEnd(26),
        String(row.launches).padStart(7),
        `${a.registers}/${b.registers}`.padStart(15),
        (a.sharedBytes / 1024).toFixed(1).padStart(11),
        String(a.spillBytes + b.spillBytes).padStart(7),
        `${percent(a.occupancy)}/${percent(b.occupancy)}`.padStart(10),
        (row.leastBytes / 1e6).toFixed(2).padStart(13),
        (row.requestedBytes / row.leastBytes).toFixed(2).padStart(16),
        percent(row.sectorUse).padStart(5),
        String(row.bankConflicts).padStart(10),
        gflop.toFixed(3).padStart(8),
        a.milliseconds.toFixed(4).padStart(8),
        b.milliseconds.toFixed(4).padStart(8),
        `  ${a.bound}`,
      ].join(' '),
    );
  }
  tell(
    `all kernels, one after the other, at the least: ${first} ${total(kernels, first).toFixed(3)} ms, ${second} ${total(kernels, second).toFixed(3)} ms`,
  );
}

/** Kernels that none of the cases launches: other optimizers, precisions, tiles and options. */
function printOthers(report, resources) {
  const seen = new Set(report.flatMap(({ kernels }) => kernels.map(({ kernel }) => kernel)));
  const others = resources.filter(
    ({ name, architecture }) => !seen.has(name) && architecture === GPUS[0].architecture,
  );
  if (others.length === 0) return;
  tell('');
  tell(`Not launched by these cases, on ${GPUS[0].name}: registers, static shared bytes, spills`);
  for (const { name, registers, sharedBytes, stackBytes, spillBytes } of others) {
    tell(
      `  ${name.padEnd(34)} ${String(registers).padStart(4)} ${String(sharedBytes).padStart(6)} ${stackBytes + spillBytes}`,
    );
  }
}

/** Results go to stdout, what the script is doing to stderr. */
const tell = (line) => process.stdout.write(`${line}\n`);

const percent = (share) => `${(100 * share).toFixed(0)}%`;

await runScript(main);
