import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newestModelPath } from '../helpers/read-run.ts';
import { PSS_ARGS, runPss } from '../helpers/run-pss.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('pss sweep');
const folder = temporaryFolder();
const data = join(folder, 'data');
const config = join(folder, 'small.yaml');
writeFileSync(
  config,
  `
data: { train: ${data}/train, eval: ${data}/test, batchSize: 64, evalBatchSize: 1024 }
embedding: { kind: robe, dim: 8, compression: 10, chunkSize: 8 }
model: { kind: dlrm, bottomMlp: [16, 8], topMlp: [16, 1] }
optimizer: { kind: adam, learningRate: 0.002 }
train: { epochs: 12, evalEvery: 80, checkpointEvery: 40, logEvery: 10 }
sweep: { axes: { compression: [original, 50], seed: [1, 2] } }
`,
);
const NAMES = ['original', '50x'].flatMap((each) => [1, 2].map((seed) => `compression-${each},seed-${seed}`));

function modelOf(sweep: string, name: string): Buffer {
  return readFileSync(newestModelPath(join(folder, sweep, 'runs', name)));
}

test.before(() => {
  const slice = join(repositoryRoot, 'data', 'criteo-slice.tsv');
  const made = runPss(['prepare', slice, '--out', data, '--ids', 'vocab', '--split', 'head:5000', '--quiet']);
  assert.is(made.code, 0, made.stderr);
});

test('trains every variant, writes one table in three forms, and has nothing to do the second time', () => {
  const out = join(folder, 'whole');
  const args = ['sweep', '--config', config, '--out', out];
  const run = runPss([...args, '--time-steps', '100']);
  assert.is(run.code, 0, run.stderr);
  const table = run.stdout.trimEnd().split('\n');
  assert.match(table[0] ?? '', /^compression +best AUC +target +epochs to target \(A\)/);
  assert.match(
    table[1] ?? '',
    /^original +0\.\d{4} ± 0\.\d{4} +0\.\d{4} +\d\.\d\d ± \d\.\d\d +\d+\.\d\d ± 0\.00 +1\.00 +\d/,
  );
  assert.match(table[2] ?? '', /^50x +0\.\d{4} ± 0\.\d{4}/);
  assert.match(
    readFileSync(join(out, 'table.md'), 'utf8'),
    /^\| {2}\| target \| original \| 50x \|\n\|---\|---\|---\|---\|\n\| best AUC/,
  );
  assert.is(readFileSync(join(out, 'table.csv'), 'utf8').split('\n').length, 4);
  const lines = readFileSync(join(out, 'runs.jsonl'), 'utf8').trimEnd().split('\n');
  assert.equal(
    lines.map((line) => JSON.parse(line).run),
    NAMES,
  );
  const logs = NAMES.map((name) => readFileSync(join(out, 'runs', name, 'run.jsonl'), 'utf8'));
  const again = runPss(args);
  assert.is(again.stdout, run.stdout);
  const lower = runPss([...args, '--target', '0.501']);
  assert.match(lower.stdout, /50x .* 0\.5010 +\d\.\d\d ±/);
  assert.is(runPss([...args, '--target', '2']).code, 2);
  NAMES.forEach((name, i) => {
    assert.is(readFileSync(join(out, 'runs', name, 'run.jsonl'), 'utf8'), logs[i]);
  });
});

test('stopped in the middle of a run and called again, two at a time, it ends in the same models', async () => {
  const out = join(folder, 'stopped');
  const args = ['sweep', '--config', config, '--out', out, '--jobs', '2'];
  const child = spawn(process.execPath, [...PSS_ARGS, ...args], { stdio: 'ignore' });
  const checkpoints = join(out, 'runs', NAMES[1] as string, 'checkpoints');
  while (!existsSync(checkpoints) && child.exitCode === null) await setTimeout(5);
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  assert.is(code, 130);
  assert.not.ok(existsSync(join(out, 'table.md')));
  const run = runPss(args);
  assert.is(run.code, 0, run.stderr);
  for (const name of NAMES) assert.ok(modelOf('stopped', name).equals(modelOf('whole', name)), name);
});

test('a run begun with other keys is left alone', () => {
  const run = runPss([
    'sweep',
    '--config',
    config,
    '--out',
    join(folder, 'whole'),
    '--set',
    'optimizer.learningRate=0.01',
  ]);
  assert.is(run.code, 2);
  assert.match(
    run.stderr,
    /compression-original,seed-1 was begun by another sweep: optimizer\.learningRate is 0\.01/,
  );
});

test('a variant that fails is told of, and the others go on', () => {
  const run = runPss([
    'sweep',
    '--config',
    config,
    '--out',
    join(folder, 'failing'),
    '--quiet',
    '--set',
    'sweep=null',
    '--set',
    'train.epochs=1',
    '--set',
    'optimizer={kind: sgd, learningRate: 1e30}',
  ]);
  assert.is(run.code, 1, run.stdout);
  assert.match(run.stderr, /Run compression-original,seed-1 failed: .*lower optimizer\.learningRate/);
  assert.match(run.stdout, /original +- +- +- +- +- +-\n50x/);
});

test('a dry run lists the runs and touches nothing', () => {
  const out = join(folder, 'dry');
  const run = runPss(['sweep', '--config', config, '--out', out, '--dry-run']);
  assert.is(run.stdout, `${NAMES.join('\n')}\n4 runs, in ${out}\n`);
  assert.not.ok(existsSync(out));
});

test.run();
