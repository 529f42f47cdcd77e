/**
 * npm run bench:peers -- [--case NAME]... [--model KIND] [--precision f32|bf16] [--memory-size N] [--samples N] [--json FILE]
 *
 * Times pss and PyTorch in one run, a sample of one after a sample of the other, and rejects samples taken while the machine was
 * busy. PyTorch runs in the configurations of `dlrm_torch.py` and `deep_torch.py`; the fastest of them is what pss is held against.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runScript, SetupError } from '../../run-command.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const CASES = ['tb-2048', 'kaggle-2048', 'kaggle-128', 'tb-16384', 'kaggle-16384'];
/** Debian's PyTorch belongs to Debian's Python. */
const PYTHON = process.env.PSS_PYTHON ?? '/usr/bin/python3';
/** PyTorch's fastest surroundings here: OpenBLAS with OpenMP rather than its own threads, threads kept in place, freed memory kept. */
const TORCH_ENV = {
  LD_LIBRARY_PATH: '/usr/lib/x86_64-linux-gnu/openblas-openmp',
  OMP_PROC_BIND: 'true',
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: '-1',
};
const ROWS_PER_SAMPLE = 8192;
/** xDeepFM's step takes PyTorch a second: a sample is one of them, and so is the warm-up. */
const SLOW_ROWS_PER_SAMPLE = 2048;
const rowsPerSample = (model) => (model === 'xdeepfm' ? SLOW_ROWS_PER_SAMPLE : ROWS_PER_SAMPLE);
const WARM_UPS = 4;
/** Share of the peak that a probe must reach beside a sample, as in `pss bench`. */
const GATE = 0.86;
const PROBE_ITERATIONS = 1_200_000;
/** Before a probe, so that the machine has settled. */
const PAUSE_MS = 50;
const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

async function main() {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', multiple: true, default: CASES },
      model: { type: 'string', default: 'dlrm' },
      precision: { type: 'string', default: 'bf16' },
      'memory-size': { type: 'string' },
      samples: { type: 'string', default: '9' },
      json: { type: 'string' },
    },
  });
  const { loadAddon } = await import(join(root, 'dist/addon/load.js'));
  const addon = loadAddon();
  const threads = availableParallelism();
  const peak = Math.max(...Array.from({ length: 100 }, () => addon.fmaProbe(threads, PROBE_ITERATIONS)));
  const rows = [];
  for (const name of values.case) {
    if (!CASES.includes(name))
      throw new SetupError(`There is no case "${name}"; use one of ${CASES.join(', ')}.`);
    const row = await compare(addon, name, values, threads, peak);
    rows.push(row);
    const rivals = row.peers.map(({ name: peer, medianMs }) => `${peer} ${medianMs.toFixed(2)}`).join(', ');
    process.stdout.write(
      `${values.model} ${name} ${values.precision}: pss ${row.medianMs.toFixed(2)} ms; PyTorch ${rivals} ms; ${row.timesFaster.toFixed(2)} times faster than its fastest (${row.samples} samples, ${row.rejected} rejected)\n`,
    );
  }
  if (values.json) writeFileSync(values.json, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** One case: pss and every configuration of PyTorch in turn, round after round. */
async function compare(addon, name, values, threads, peak) {
  const training = Number(name.split('-')[1]) <= 2048;
  const ours = await startPss(addon, name, values, threads, training);
  const settings = ours.settings;
  // What PyTorch may do in several ways: DLRM's gradient of M, xDeepFM's products.
  const ways = waysOf(values.model, training);
  const peers = [];
  try {
    for (const { name: way, ...choice } of ways) {
      peers.push({
        name: way,
        process: await startTorch({ ...settings, embedding: 'robe', ...choice }),
        times: [],
      });
    }
    const steps = Math.max(1, Math.floor(rowsPerSample(values.model) / settings.batchSize));
    const contestants = [
      { run: ours.run, times: ours.times },
      ...peers.map((peer) => ({ run: peer.process.run, times: peer.times })),
    ];
    const wanted = Number(values.samples);
    let rejected = 0;
    for (
      let round = 0;
      round < wanted * 4 && contestants.some(({ times }) => times.length < wanted);
      round++
    ) {
      for (const { run, times } of contestants) {
        await pause();
        const before = probe(addon, threads);
        const milliseconds = await run(steps);
        await pause();
        const after = probe(addon, threads);
        if (Math.min(before, after) < GATE * peak) rejected++;
        else times.push(milliseconds / steps);
      }
    }
    if (contestants.some(({ times }) => times.length === 0)) {
      throw new SetupError(
        `The machine was too busy for an undisturbed sample of each contestant in ${name}; stop other work and try again.`,
      );
    }
    const measured = peers.map((peer) => ({ name: peer.name, medianMs: median(peer.times) }));
    const medianMs = median(ours.times);
    return {
      bench: 'peers',
      case: name,
      model: values.model,
      precision: values.precision,
      threads,
      memorySize: settings.memorySize,
      medianMs,
      peers: measured,
      timesFaster: Math.min(...measured.map((peer) => peer.medianMs)) / medianMs,
      samples: Math.min(...contestants.map(({ times }) => times.length)),
      rejected,
    };
  } finally {
    for (const peer of peers) peer.process.end();
    await ours.dispose();
  }
}

function waysOf(model, training) {
  if (model === 'xdeepfm') return ['conv', 'chunks'].map((variant) => ({ name: variant, variant }));
  if (model !== 'dlrm') return [{ name: 'eager', variant: 'eager' }];
  if (!training) return [{ name: 'robe', gradient: 'dense' }];
  return ['dense', 'scatter'].map((gradient) => ({ name: gradient, gradient }));
}

/** The best of a few: after a pause both threads of the first may start on one core. */
function probe(addon, threads) {
  return Math.max(...Array.from({ length: 4 }, () => addon.fmaProbe(threads, PROBE_ITERATIONS)));
}

/** The engine with the rows and the model of `pss bench`. */
async function startPss(addon, name, values, threads, training) {
  const { benchCase } = await import(join(root, 'dist/bench/cases.js'));
  const { syntheticBatch } = await import(join(root, 'dist/bench/synthetic-batch.js'));
  const memorySize = values['memory-size'] === undefined ? {} : { memorySize: Number(values['memory-size']) };
  const benchmark = benchCase(name, {
    sets: [`precision=${values.precision}`, `model.kind=${values.model}`],
    ...memorySize,
  });
  const { config, model, batchSize, tableSizes } = benchmark;
  const engine = new addon.Engine(model.graph, {
    batchSize,
    threads,
    seed: 1,
    optimizer: config.optimizer,
    isa: 'auto',
    training,
    precision: values.precision,
  });
  const steps = Math.max(1, Math.floor(rowsPerSample(values.model) / batchSize));
  const rows = syntheticBatch(batchSize * steps, tableSizes, model.graph.numDense, 1);
  const rates = new Float64Array(steps).fill(config.optimizer.learningRate);
  const run = async () => {
    const start = performance.now();
    if (training) await engine.train(rows, batchSize, 1, rates);
    else await engine.predict(rows);
    return performance.now() - start;
  };
  const warmUps = values.model === 'xdeepfm' ? 1 : WARM_UPS;
  for (let i = 0; i < warmUps; i++) await run();
  const [embedding, linear] = model.graph.nodes.filter(({ op }) => op === 'embedding');
  const { memorySize: floats, dim, chunkSize } = embedding.attributes;
  return {
    run,
    times: [],
    dispose: () => engine.dispose(),
    settings: {
      model: config.model,
      warmUpSteps: warmUps,
      optimizer: config.optimizer.kind,
      linearSize: linear?.attributes.memorySize ?? 0,
      dim,
      tableSizes,
      batchSize,
      precision: values.precision,
      pass: training ? 'train' : 'inference',
      memorySize: floats,
      chunkSize,
      learningRate: config.optimizer.learningRate,
      threads,
    },
  };
}

/** A Python process that runs steps when told to. */
async function startTorch(settings) {
  const child = spawn(PYTHON, [join(root, 'scripts/bench/peers/dlrm_torch.py'), JSON.stringify(settings)], {
    env: { ...process.env, ...TORCH_ENV, OMP_NUM_THREADS: String(settings.threads) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done)
      throw new SetupError(
        `PyTorch ended early; install python3-torch, or name a Python that has it in PSS_PYTHON.`,
      );
    return value;
  };
  child.on('error', () => undefined);
  await line();
  child.kill('SIGSTOP');
  return {
    // Stopped between its turns: PyTorch's threads go on spinning when their work is done, which would slow the others'.
    run: async (steps) => {
      child.kill('SIGCONT');
      child.stdin.write(`${steps}\n`);
      const milliseconds = Number(await line());
      child.kill('SIGSTOP');
      return milliseconds;
    },
    end: () => child.kill('SIGKILL'),
  };
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

await runScript(main);
