import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SILENT } from '../../src/train/reporter.ts';
import { resumeTraining, startTraining } from '../../src/train/run-training.ts';
import { testConfig } from '../helpers/configs.ts';
import { type FakeBehaviour, fakeEngines } from '../helpers/fake-engine.ts';
import { syntheticRows, writeShards } from '../helpers/shards.ts';

const test = suite<{ dir: string }>('train loop');
const root = mkdtempSync(join(tmpdir(), 'pss-loop-'));
const data = join(root, 'data');

test.before(() => {
  writeShards(join(data, 'train'), syntheticRows(1000, 1));
  writeShards(join(data, 'test'), syntheticRows(300, 2));
  writeShards(join(data, 'one-label'), { ...syntheticRows(300, 2), labels: new Uint8Array(300) });
  writeShards(join(data, 'other-profile'), syntheticRows(300, 2), { manifest: { profile: 'none' } });
});
test.before.each((context) => {
  context.dir = mkdtempSync(join(root, 'run-'));
});
test.after(() => {
  rmSync(root, { recursive: true, force: true });
});

const config = (...sets: string[]) =>
  testConfig(`data.train=${data}/train`, `data.eval=${data}/test`, 'optimizer.learningRate=0.02', ...sets);

interface LoopOptions {
  readonly behaviour?: FakeBehaviour;
  readonly interruptAt?: number;
}

/** Trains in `dir/run`, or resumes there; interrupted in the call that begins at or after a step. */
async function run(
  dir: string,
  sets: string[],
  { behaviour = {}, interruptAt }: LoopOptions = {},
  resume = false,
) {
  const controller = new AbortController();
  const engines = fakeEngines({
    ...behaviour,
    onTrain: (firstStep) => {
      if (interruptAt !== undefined && firstStep >= interruptAt) controller.abort();
    },
  });
  const around = { reporter: SILENT, signal: controller.signal, engines };
  const runDir = join(dir, 'run');
  try {
    return resume
      ? await resumeTraining({ runDir, config: config(...sets) }, around)
      : await startTraining({ config: config(...sets), runDir }, around);
  } finally {
    assert.is(engines.live(), 0, 'an engine was left behind');
  }
}

function events(dir: string): Record<string, unknown>[] {
  const lines = readFileSync(join(dir, 'run', 'run.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line));
}

const ofKind = (dir: string, kind: string) => events(dir).filter(({ event }) => event === kind);

function newestModel(dir: string): Buffer {
  const steps = readdirSync(join(dir, 'run', 'checkpoints')).map((name) => Number(name.slice(5)));
  return readFileSync(join(dir, 'run', 'checkpoints', `step-${Math.max(...steps)}`, 'model.safetensors'));
}

async function failure(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.is((error as Error).name, 'PssError', String((error as Error).stack));
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

test('a run logs its steps, evaluations and checkpoints at the steps asked for, and its end', async ({
  dir,
}) => {
  const sets = ['train.logEvery=5', 'train.evalEvery=12', 'train.checkpointEvery=20', 'train.epochs=1.5'];
  const summary = await run(dir, sets);
  assert.is(summary?.reason, 'finished');
  const kinds = events(dir).map(({ event, step }) => `${event}${step === undefined ? '' : ` ${step}`}`);
  assert.is(kinds[0], 'run_start');
  assert.is(kinds.at(-1), 'run_end');
  assert.equal(
    ofKind(dir, 'step').map(({ step }) => step),
    [5, 10, 15, 20, 25, 30, 35, 40, 45, 48],
  );
  assert.equal(
    ofKind(dir, 'eval').map(({ step }) => step),
    [12, 24, 36, 48],
  );
  assert.equal(
    ofKind(dir, 'checkpoint').map(({ path }) => path),
    ['checkpoints/step-20', 'checkpoints/step-40', 'checkpoints/step-48'],
  );
  const step = ofKind(dir, 'step').at(-1) as Record<string, number>;
  assert.is(step['samples'], 1000 + 16 * 32);
  assert.is(step['epoch'], 1.512);
  const end = ofKind(dir, 'run_end')[0] as Record<string, unknown>;
  assert.equal(Object.keys(end), [
    'time',
    'event',
    'reason',
    'bestAuc',
    'bestStep',
    'epochsToTarget',
    'wallSeconds',
    'trainSeconds',
  ]);
  assert.is(end['reason'], 'finished');
  assert.ok((summary?.bestAuc as number) > 0.6, `AUC ${summary?.bestAuc}`);
});

test('events have exactly the fields of the contract', async ({ dir }) => {
  await run(dir, ['train.targetAuc=0.51', 'train.epochs=1']);
  const fields = (kind: string) => Object.keys(ofKind(dir, kind)[0] as object).join(' ');
  assert.is(
    fields('run_start'),
    'time event schema config graph graphHash parameters embeddingBytes compression device deviceName threads precision versions data',
  );
  assert.is(fields('step'), 'time event step epoch samples loss learningRate samplesPerSecond dataWaitMs');
  assert.is(
    fields('eval'),
    'time event step epoch samples auc logLoss baselineLogLoss calibration durationMs',
  );
  assert.is(fields('checkpoint'), 'time event step path');
  assert.is(fields('target_reached'), 'time event step epoch auc wallSeconds');
});

test('interrupted anywhere and resumed, a run gives the same bits, losses and scores', async ({ dir }) => {
  const sets = ['train.epochs=3', 'train.evalEvery=20', 'train.checkpointEvery=25', 'train.logEvery=1'];
  const whole = join(dir, 'whole');
  await run(whole, sets);
  const strip = (at: string, kind: string) =>
    ofKind(at, kind).map(({ step, loss, auc, logLoss }) => JSON.stringify([step, loss, auc, logLoss]));
  for (const [index, interrupts] of [[1], [20], [33, 34, 70], [81]].entries()) {
    const cut = join(dir, `cut-${index}`);
    for (const [attempt, interruptAt] of interrupts.entries()) {
      const summary = await run(cut, sets, { interruptAt }, attempt > 0);
      assert.is(summary?.reason, 'interrupted');
    }
    assert.is((await run(cut, sets, {}, true))?.reason, 'finished');
    assert.ok(newestModel(cut).equals(newestModel(whole)), `interrupted at ${interrupts}`);
    assert.equal(strip(cut, 'step'), strip(whole, 'step'));
    assert.equal(strip(cut, 'eval'), strip(whole, 'eval'));
    const [end, wholeEnd] = [ofKind(cut, 'run_end').at(-1), ofKind(whole, 'run_end')[0]];
    assert.equal([end?.['bestAuc'], end?.['bestStep']], [wholeEnd?.['bestAuc'], wholeEnd?.['bestStep']]);
    assert.is(ofKind(cut, 'run_end').length, interrupts.length + 1);
    assert.type(ofKind(cut, 'run_start')[1]?.['resumedFromStep'], 'number');
  }
});

test('an interrupt during an evaluation puts it off until the resume', async ({ dir }) => {
  const sets = ['train.epochs=1', 'train.evalEvery=16'];
  await run(dir, sets, { interruptAt: 1 });
  assert.is(ofKind(dir, 'eval').length, 0);
  assert.equal(
    ofKind(dir, 'checkpoint').map(({ step }) => step),
    [16],
  );
  await run(dir, sets, {}, true);
  assert.equal(
    ofKind(dir, 'eval').map(({ step }) => step),
    [16, 32],
  );
});

test('a finished run has nothing to resume, until it is given more epochs', async ({ dir }) => {
  await run(dir, ['train.epochs=1']);
  assert.is(await run(dir, ['train.epochs=1'], {}, true), undefined);
  assert.is((await run(dir, ['train.epochs=2'], {}, true))?.step, 64);
  const whole = join(dir, 'whole');
  await run(whole, ['train.epochs=2']);
  assert.ok(newestModel(dir).equals(newestModel(whole)));
  assert.match(
    await failure(() => run(dir, ['train.epochs=1'], {}, true)),
    /train\.epochs: 1 is 32 steps.*done 64/,
  );
});

test('the target is reported once, with its fractional epoch, and stops the run where asked', async ({
  dir,
}) => {
  const sets = ['train.targetAuc=0.55', 'train.evalEvery=8'];
  await run(join(dir, 'on'), sets);
  assert.is(ofKind(join(dir, 'on'), 'target_reached').length, 1);
  const summary = await run(dir, [...sets, 'train.stopAtTarget=true']);
  assert.is(summary?.reason, 'target');
  const reached = ofKind(dir, 'target_reached')[0] as Record<string, number>;
  assert.is(summary?.epochsToTarget, reached['epoch']);
  assert.is(reached['epoch'], ((reached['step'] as number) * 32) / 1000);
  assert.is(ofKind(dir, 'checkpoint').at(-1)?.['step'], reached['step']);
  assert.is(ofKind(dir, 'run_end')[0]?.['reason'], 'target');
  assert.is(await run(dir, [...sets, 'train.stopAtTarget=true'], {}, true), undefined);
});

test('a diverging loss ends the run as failed and keeps the last good checkpoint', async ({ dir }) => {
  const sets = ['train.checkpointEvery=10'];
  assert.match(
    await failure(() => run(dir, sets, { behaviour: { divergeAt: 25 } })),
    /became NaN at step 25/,
  );
  assert.equal(readdirSync(join(dir, 'run', 'checkpoints')).sort(), ['step-10', 'step-20']);
  assert.is(ofKind(dir, 'run_end')[0]?.['reason'], 'failed');
});

test('constant scores and ids beyond a table end the run with their likely cause', async ({ dir }) => {
  const constant = { behaviour: { constantScores: true } };
  assert.match(await failure(() => run(dir, [], constant)), /All 300 evaluated rows got the same score/);
  const failWith = { code: 'ERR_ID_RANGE', message: 'id 7 is beyond table 3' };
  const message = await failure(() => run(join(dir, 'b'), [], { behaviour: { failWith } }));
  assert.match(message, /^id 7 is beyond table 3: .*another vocabulary/);
});

test('data that do not fit are refused before anything is written', async ({ dir }) => {
  for (const [set, expected] of [
    [`data.train=${data}/one-label`, /All 300 training rows have the label 0/],
    [`data.eval=${data}/other-profile`, /data\.eval doesn't fit the model: denseProfile is none, not dlrm/],
    [`data.train=${data}/nowhere`, /nothing matches/],
  ] as const) {
    assert.match(await failure(() => run(dir, [set])), expected);
  }
  assert.equal(readdirSync(dir), []);
});

test('evaluation data with one label give no AUC but a finished run', async ({ dir }) => {
  const summary = await run(dir, [`data.eval=${data}/one-label`]);
  assert.is(summary?.evaluation?.auc, null);
  assert.is(ofKind(dir, 'eval')[0]?.['auc'], null);
});

test('a run directory with something in it is left alone', async ({ dir }) => {
  await run(dir, ['train.epochs=0.1']);
  assert.match(
    await failure(() => run(dir, ['train.epochs=0.1'])),
    /isn't empty; continue that run with --resume/,
  );
});

test('a resume with another config, other data or no run is refused', async ({ dir }) => {
  assert.match(await failure(() => run(dir, [], {}, true)), /holds no run/);
  await run(dir, ['train.epochs=0.5']);
  assert.match(await failure(() => run(dir, ['seed=9'], {}, true)), /seed is 9 but the run was begun with 3/);
  writeShards(join(dir, 'moved'), syntheticRows(1000, 9));
  const path = join(dir, 'run', 'config.yaml');
  const text = readFileSync(path, 'utf8').replace(`${data}/train`, join(dir, 'moved'));

  writeFileSync(path, text);
  const resumed = () => run(dir, [`data.train=${join(dir, 'moved')}`, 'train.epochs=0.5'], {}, true);
  assert.match(await failure(resumed), /have changed since/);
});

test.run();
