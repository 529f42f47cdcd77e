/**
 * npm run bench:end-to-end -- [--case tb-2048|kaggle-2048]... [--precision f32|bf16] [--rows N] [--keep DIR]
 *
 * A whole training run, as `pss train` does it, beside the bare step: synthetic shards are made with `pss synth` and trained on, and after
 * every few calls of the engine the run is held and as many calls are made on superbatches that lie in memory. Both have the same
 * engine, the same rows, calls of the same size, and whatever the machine's speed does in the course of seconds. Evaluation and
 * checkpoints count nothing. `pss bench step`, whose rows are drawn by another law, whose calls are single steps, and which counts only
 * samples of a quiet machine, is printed beside them.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BatchStream } from '../../dist/batch/batch-stream.js';
import { loadConfig } from '../../dist/config/config.js';
import { Dataset } from '../../dist/reader/dataset.js';
import { nativeEngines } from '../../dist/train/engine-factory.js';
import { startTraining } from '../../dist/train/run-training.js';
import { run, runScript, SetupError } from '../run-command.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Runs a command of pss, silently. */
const pss = (...args) =>
  run(process.execPath, [join(root, 'dist/cli/main.js'), ...args, '--quiet'], {
    advice: 'see the lines above',
  });

/** Rows that train for about half a minute on two cores, and the ready-made configuration of the same model. */
const CASES = {
  'tb-2048': { profile: 'tb', rows: 786_432, config: 'criteo-tb-10000x.yaml', memorySize: 2_604_800 },
  'kaggle-2048': {
    profile: 'kaggle',
    rows: 3_145_728,
    config: 'criteo-kaggle-1000x.yaml',
    memorySize: 540_000,
  },
};
const BATCH_SIZE = 2048;
const EVAL_ROWS = 2048;
/** Engine calls of a piece of a run, and of the bare calls that follow it: about a second of the smaller model. */
const CALLS = 16;
/** A window of rows lasts a multiple of CALLS calls and the next one is loaded at its start, so a piece never ends there. */
const FIRST_CALLS = 8;
/** Time for what the run still does by itself to end before the bare calls begin. */
const SETTLE_MS = 50;

async function main() {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', multiple: true, default: Object.keys(CASES) },
      precision: { type: 'string', default: 'bf16' },
      rows: { type: 'string' },
      keep: { type: 'string' },
    },
  });
  const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'pss-end-to-end-'));
  try {
    for (const name of values.case) {
      if (!CASES[name])
        throw new SetupError(`There is no case "${name}"; use one of ${Object.keys(CASES).join(', ')}.`);
      const rows = Number(values.rows ?? CASES[name].rows);
      await compare(name, { ...CASES[name], rows }, values.precision, folder);
    }
  } finally {
    if (!values.keep) rmSync(folder, { recursive: true });
  }
}

async function compare(name, { profile, rows, config: file, memorySize }, precision, folder) {
  const data = join(folder, `${profile}-${rows}`);
  const evalData = join(folder, `${profile}-eval`);
  synthesize(data, profile, rows);
  synthesize(evalData, profile, EVAL_ROWS);
  const config = loadConfig(join(root, 'configs', file), [
    `data.train=${data}`,
    `data.eval=${evalData}`,
    `data.batchSize=${BATCH_SIZE}`,
    'embedding.compression=null',
    `embedding.memorySize=${memorySize}`,
    `precision=${precision}`,
    'device=cpu',
    'train.epochs=1',
    'train.evalEvery=0',
    'train.checkpointEvery=0',
    'train.logEvery=16',
    'train.targetAuc=null',
    'train.stopAtTarget=false',
  ]);
  const pairs = await pairUp(config, join(folder, `run-${name}`));
  const total = (key) => pairs.reduce((sum, pair) => sum + pair[key], 0);
  const rate = (key) => (total('rows') / total(key)).toFixed(0);
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const shares = pairs.map((pair) => pair.bareSeconds / pair.wholeSeconds).sort((x, y) => x - y);
  const share = `${percent(total('bareSeconds') / total('wholeSeconds'))}, median of ${pairs.length} pairs ${percent(shares[shares.length >> 1])}`;
  process.stdout.write(
    `${name} ${precision}: pss train ${rate('wholeSeconds')} samples/s, the bare step ${rate('bareSeconds')} (${share}); pss bench step ${benchStepRate(name, memorySize, precision, folder).toFixed(0)}\n`,
  );
}

function synthesize(out, profile, rows) {
  if (existsSync(join(out, 'manifest.json'))) return;
  pss('synth', '--rows', String(rows), '--out', out, '--format', 'arrow', '--profile', profile);
}

function benchStepRate(name, memorySize, precision, folder) {
  const json = join(folder, 'step.jsonl');
  const model = ['--case', name, '--precision', precision, '--memory-size', String(memorySize)];
  pss('bench', 'step', ...model, '--json', json, '--samples', '9');
  const { samplesPerSecond } = JSON.parse(readFileSync(json, 'utf8'));
  rmSync(json);
  return samplesPerSecond;
}

/** Trains a run, with bare calls in between; what each pair of both took. */
async function pairUp(config, runDir) {
  const engines = nativeEngines();
  const held = await readSuperbatches(config);
  const pairs = [];
  let [calls, rows, start] = [0, 0, Number.NaN];
  const createEngine = (graph, options) => {
    const engine = engines.createEngine(graph, options);
    const train = engine.train.bind(engine);
    const trainAndPair = async (batch, batchSize, firstStep, rates) => {
      const result = await train(batch, batchSize, firstStep, rates);
      calls++;
      rows += batch.labels.length;
      if (calls < FIRST_CALLS || (calls - FIRST_CALLS) % CALLS !== 0) return result;
      const wholeSeconds = (performance.now() - start) / 1000;
      await sleep(SETTLE_MS);
      const bareStart = performance.now();
      for (const superbatch of held) await train(superbatch, batchSize, firstStep, rates);
      const bareSeconds = (performance.now() - bareStart) / 1000;
      // The first piece began before its clock did.
      if (calls > FIRST_CALLS) pairs.push({ wholeSeconds, bareSeconds, rows });
      [rows, start] = [0, performance.now()];
      return result;
    };
    return Object.defineProperty(engine, 'train', { value: trainAndPair });
  };
  await startTraining({ config, runDir }, { engines: { ...engines, createEngine } });
  rmSync(runDir, { recursive: true });
  return pairs;
}

/** Superbatches as training makes them, for one piece. */
async function readSuperbatches(config) {
  const data = await Dataset.open([config.data.train].flat());
  const stream = new BatchStream(data, {
    batchSize: BATCH_SIZE,
    maxBatches: 4,
    shuffle: config.data.shuffle,
    seed: config.seed,
  });
  const held = [];
  for (let i = 0; i < CALLS; i++) {
    const { labels, dense, sparse } = await stream.read();
    held.push({ labels: labels.slice(), dense: dense.slice(), sparse: sparse.slice() });
  }
  await stream.close();
  await data.close();
  return held;
}

await runScript(main);
