import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runPss } from '../helpers/run-pss.ts';

const test = suite('smoke');
const folder = mkdtempSync(join(tmpdir(), 'pss-smoke-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

test('prepare, train and eval on the slice beat a constant prediction clearly', () => {
  const shards = join(folder, 'slice');
  const run = join(folder, 'run');
  const prepared = runPss(['prepare', 'data/criteo-slice.tsv', '--out', shards, '--split', 'head:5000']);
  assert.is(prepared.code, 0, prepared.stderr);

  const data = ['--set', `data.train=${shards}/train`, '--set', `data.eval=${shards}/test`];
  const trained = runPss(['train', '--config', 'configs/smoke.yaml', ...data, '--run-dir', run]);
  assert.is(trained.code, 0, trained.stderr);
  const events = readFileSync(join(run, 'run.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const last = events.findLast(({ event }) => event === 'eval');
  assert.ok(Number(last?.['auc']) >= 0.75, `AUC ${last?.['auc']}`);
  const gain = Number(last?.['baselineLogLoss']) - Number(last?.['logLoss']);
  assert.ok(gain >= 0.05, `log loss only ${gain} under the baseline`);
  assert.is(events.at(-1)?.['event'], 'run_end');
  assert.ok(readdirSync(join(run, 'checkpoints')).includes('step-316'));

  const evaluated = runPss(['eval', '--run', run, '--data', join(shards, 'test')]);
  assert.is(evaluated.code, 0, evaluated.stderr);
  assert.ok(evaluated.stdout.includes(`AUC ${Number(last?.['auc']).toFixed(5)}`), evaluated.stdout);
});

test('a misspelt key stops train before anything is made', () => {
  const run = join(folder, 'never');
  const { code, stderr } = runPss(
    ['train', '--config', 'configs/smoke.yaml', '--run-dir', run].concat('--set', 'train.epoch=2'),
  );
  assert.is(code, 2);
  assert.is(stderr, "pss: --set train.epoch=2: train.epoch isn't a known key; did you mean train.epochs?\n");
  assert.not(readdirSync(folder).includes('never'));
});

test.run();
