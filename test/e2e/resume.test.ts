import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newestModelPath, readEvents } from '../helpers/read-run.ts';
import { runPss } from '../helpers/run-pss.ts';
import { generator } from '../helpers/shards.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { signalAfterLines, startPss } from '../helpers/start-pss.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('resume');
const seed = Number(process.env['PSS_TEST_SEED'] ?? 1);
process.stdout.write(`seed ${seed} (PSS_TEST_SEED repeats the moments of the kills)\n`);
const random = generator(seed);
const cwd = temporaryFolder();

const CONFIG = `
seed: 5
data: { train: shards/train, eval: shards/test, batchSize: 32, evalBatchSize: 512, shuffle: rows }
embedding: { kind: robe, dim: 16, compression: 50, chunkSize: 16 }
model: { kind: dlrm, bottomMlp: [256, 64, 16], topMlp: [256, 64, 1] }
optimizer: { kind: adagrad, learningRate: 0.02, warmupSteps: 50, decayStart: 100, decaySteps: 200 }
train: { epochs: 2.5, evalEvery: 60, checkpointEvery: 40, logEvery: 5 }
threads: 2
`;

test.before(() => {
  writeFileSync(join(cwd, 'config.yaml'), CONFIG);
  const slice = join(repositoryRoot, 'data', 'criteo-slice.tsv');
  const prepared = runPss(['prepare', slice, '--out', 'shards', '--split', 'head:5000'], { cwd });
  assert.is(prepared.code, 0, prepared.stderr);
  trainWhole('whole');
});

const begin = (name: string, ...more: string[]) => [
  'train',
  '--config',
  'config.yaml',
  '--run-dir',
  name,
  ...more,
];

function trainWhole(name: string, ...more: string[]): Buffer {
  const { code, stderr } = runPss(begin(name, ...more), { cwd });
  assert.is(code, 0, stderr);
  return finalModel(name);
}

const finalModel = (name: string) => readFileSync(newestModelPath(join(cwd, name)));

/** Every event of a kind, of the last attempt that logged its step: what a reader of a resumed log goes by. */
function lastWord(name: string, kind: string): string[] {
  const byStep = new Map<unknown, string>();
  for (const { event, step, loss, auc, logLoss } of readEvents(join(cwd, name))) {
    if (event === kind) byStep.set(step, JSON.stringify([step, loss, auc, logLoss]));
  }
  return [...byStep.values()];
}

function checkSameAsWhole(name: string): void {
  assert.ok(finalModel(name).equals(finalModel('whole')), `the model of ${name} differs`);
  assert.equal(lastWord(name, 'step'), lastWord('whole', 'step'));
  assert.equal(lastWord(name, 'eval'), lastWord('whole', 'eval'));
}

test('the same run twice gives the same bytes, on one thread or two', () => {
  assert.ok(trainWhole('again').equals(finalModel('whole')));
  assert.ok(trainWhole('one-thread', '--set', 'threads=1').equals(finalModel('whole')));
});

test('killed at random moments and resumed, a run ends with the same bytes', async () => {
  for (let round = 0; round < 2; round++) {
    const name = `killed-${round}`;
    const runDir = join(cwd, name);
    let args = begin(name);
    let kills = 0;
    for (;;) {
      const lines = existsSync(join(runDir, 'run.jsonl')) ? readEvents(runDir).length : 0;
      const stopAt = kills < 3 ? lines + 1 + Math.floor(random() * 40) : Number.POSITIVE_INFINITY;
      const ending = await signalAfterLines(startPss(args, cwd), 'SIGKILL', runDir, stopAt);
      args = ['train', '--resume', name];
      if (ending.signal !== 'SIGKILL') {
        assert.is(ending.code, 0, ending.stderr);
        break;
      }
      kills++;
    }
    process.stdout.write(`${name}: ${kills} kills\n`);
    assert.ok(kills > 0);
    checkSameAsWhole(name);
  }
});

test('SIGINT and SIGTERM write a checkpoint and exit with 130, and the resumed run ends with the same bytes', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const runDir = join(cwd, signal);
    const ending = await signalAfterLines(
      startPss(begin(signal), cwd),
      signal,
      runDir,
      2 + Math.floor(random() * 40),
    );
    assert.is(ending.code, 130, ending.stderr);
    const events = readEvents(runDir);
    assert.is(events.at(-1)?.['reason'], 'interrupted');
    assert.is(events.at(-2)?.['event'], 'checkpoint');
    const { code, stdout, stderr } = runPss(['train', '--resume', signal], { cwd });
    assert.is(code, 0, stderr);
    assert.match(stdout, /The run is in SIGINT|The run is in SIGTERM/);
    checkSameAsWhole(signal);
  }
});

test('a run begun with given weights and killed before its first checkpoint goes on from them', async () => {
  const init = ['--init', newestModelPath(join(cwd, 'whole')), '--set', 'train.checkpointEvery=0'];
  const expected = trainWhole('from-weights', ...init);
  const runDir = join(cwd, 'from-weights-killed');
  const running = startPss(begin('from-weights-killed', ...init), cwd);
  const ending = await signalAfterLines(running, 'SIGKILL', runDir, 8);
  assert.is(ending.signal, 'SIGKILL');
  const { code, stderr } = runPss(['train', '--resume', 'from-weights-killed'], { cwd });
  assert.is(code, 0, stderr);
  assert.ok(finalModel('from-weights-killed').equals(expected));
});

test('a damaged newest checkpoint is passed over, and the run still ends with the same bytes', () => {
  const folder = join(cwd, 'again', 'checkpoints');
  const [newest] = readdirSync(folder).sort((a, b) => Number(b.slice(5)) - Number(a.slice(5)));
  writeFileSync(join(folder, newest as string, 'model.safetensors'), 'damaged');
  const { code, stderr } = runPss(['train', '--resume', 'again'], { cwd });
  assert.is(code, 0, stderr);
  assert.match(stderr, /model\.safetensors differs from its checksum; trying the one before/);
  checkSameAsWhole('again');
});

test('a finished run says so, goes on with more epochs, and refuses to become another run', () => {
  const finished = runPss(['train', '--resume', 'whole'], { cwd });
  assert.is(finished.code, 0);
  assert.match(finished.stdout, /whole is finished/);
  const other = runPss(['train', '--resume', 'whole', '--set', 'optimizer.learningRate=1'], { cwd });
  assert.is(other.code, 2);
  assert.match(other.stderr, /^pss: optimizer\.learningRate is 1 but the run was begun with 0\.02,/);
  const more = runPss(['train', '--resume', 'one-thread', '--set', 'train.epochs=3'], { cwd });
  assert.is(more.code, 0, more.stderr);
  assert.ok(finalModel('one-thread').equals(trainWhole('three', '--set', 'train.epochs=3')));
  rmSync(join(cwd, 'three'), { recursive: true });
});

test.run();
