/**
 * npm run bench:end-to-end -- [--case tb-2048|kaggle-2048]... [--precision f32|bf16] [--rounds N] [--keep DIR]
 *
 * Whole training runs of the command line beside the bare step: for each case synthetic shards are made with `pss synth`, and then, in
 * turn, `pss bench step` times a step that finds its rows in memory, and `pss train` reads, shuffles, trains and logs. Evaluation and
 * checkpoints count nothing: a run's time is that of its training calls, with what they wait for data.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run, runScript, SetupError } from '../run-command.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Runs a command of pss, silently. */
const pss = (...args) =>
  run(process.execPath, [join(root, 'dist/cli/main.js'), ...args, '--quiet'], {
    advice: 'see the lines above',
  });

/** Rows that train for about ten seconds on two cores, and the ready-made configuration of the same model. */
const CASES = {
  'tb-2048': { profile: 'tb', rows: 262_144, config: 'criteo-tb-10000x.yaml', memorySize: 2_604_800 },
  'kaggle-2048': {
    profile: 'kaggle',
    rows: 1_048_576,
    config: 'criteo-kaggle-1000x.yaml',
    memorySize: 540_000,
  },
};
/** A run's first calls meet cold caches and pages; the bare benchmark leaves its first calls out too. */
const STEP_EVENTS_LEFT_OUT = 1;
const EVAL_ROWS = 2048;
const LOG_EVERY = 16;

async function main() {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', multiple: true, default: Object.keys(CASES) },
      precision: { type: 'string', default: 'bf16' },
      rounds: { type: 'string', default: '3' },
      keep: { type: 'string' },
    },
  });
  const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'pss-end-to-end-'));
  try {
    for (const name of values.case) {
      if (!CASES[name])
        throw new SetupError(`There is no case "${name}"; use one of ${Object.keys(CASES).join(', ')}.`);
      compare(name, CASES[name], values.precision, Number(values.rounds), folder);
    }
  } finally {
    if (!values.keep) rmSync(folder, { recursive: true });
  }
}

function compare(name, workload, precision, rounds, folder) {
  const data = join(folder, workload.profile);
  const evalData = join(folder, `${workload.profile}-eval`);
  synthesize(data, workload.profile, workload.rows);
  synthesize(evalData, workload.profile, EVAL_ROWS);
  const bare = [];
  const whole = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(bareRate(name, workload, precision, folder));
    whole.push(trainingRate(workload, precision, data, evalData, join(folder, `run-${name}-${round}`)));
  }
  const [step, train] = [middle(bare), middle(whole)];
  const share = ((100 * train.samplesPerSecond) / step.samplesPerSecond).toFixed(1);
  process.stdout.write(
    `${name} ${precision}: pss bench step ${step.samplesPerSecond.toFixed(0)} samples/s, pss train ${train.samplesPerSecond.toFixed(0)} (${share}%), of its time ${(100 * train.waitShare).toFixed(2)}% waiting for data; medians of ${rounds} rounds\n`,
  );
}

function synthesize(out, profile, rows) {
  if (existsSync(join(out, 'manifest.json'))) return;
  pss('synth', '--rows', String(rows), '--out', out, '--format', 'arrow', '--profile', profile);
}

function bareRate(name, { memorySize }, precision, folder) {
  const json = join(folder, 'step.jsonl');
  const options = [
    '--case',
    name,
    '--precision',
    precision,
    '--memory-size',
    String(memorySize),
    '--json',
    json,
  ];
  pss('bench', 'step', ...options, '--samples', '9');
  return JSON.parse(readFileSync(json, 'utf8'));
}

/** Samples a second over all training calls of a run but the first ones, and the share of them spent waiting for data. */
function trainingRate({ config, memorySize }, precision, data, evalData, runDir) {
  const sets = [
    `data.train=${data}`,
    `data.eval=${evalData}`,
    'data.batchSize=2048',
    'embedding.compression=null',
    `embedding.memorySize=${memorySize}`,
    `precision=${precision}`,
    'device=cpu',
    'train.epochs=1',
    'train.evalEvery=0',
    'train.checkpointEvery=0',
    `train.logEvery=${LOG_EVERY}`,
    'train.targetAuc=null',
    'train.stopAtTarget=false',
  ];
  const settings = sets.flatMap((set) => ['--set', set]);
  pss('train', '--config', join(root, 'configs', config), ...settings, '--run-dir', runDir);
  const steps = readFileSync(join(runDir, 'run.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'step')
    .slice(STEP_EVENTS_LEFT_OUT);
  rmSync(runDir, { recursive: true });
  // Each event's rate holds for the rows since the one before.
  let [seconds, rows, waitMs, before] = [0, 0, 0, undefined];
  for (const { samples, samplesPerSecond, dataWaitMs } of steps) {
    if (before !== undefined) {
      seconds += (samples - before) / samplesPerSecond;
      rows += samples - before;
      waitMs += dataWaitMs;
    }
    before = samples;
  }
  return { samplesPerSecond: rows / seconds, waitShare: waitMs / 1000 / seconds };
}

function middle(rates) {
  return [...rates].sort((a, b) => a.samplesPerSecond - b.samplesPerSecond)[rates.length >> 1];
}

await runScript(main);
