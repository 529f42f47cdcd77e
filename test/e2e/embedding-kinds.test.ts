import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { newestModelPath, readEvents } from '../helpers/read-run.ts';
import { runPss } from '../helpers/run-pss.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('embedding kinds on the slice');
const cwd = temporaryFolder();

const CONFIG = `
seed: 5
data: { train: vocab/train, eval: vocab/test, batchSize: 64, evalBatchSize: 512 }
embedding: { kind: robe, dim: 16, compression: 8 }
model: { kind: dlrm, bottomMlp: [64, 16], topMlp: [64, 1] }
optimizer: { kind: adagrad, learningRate: 0.02 }
train: { epochs: 1.5 }
threads: 2
`;

/** Runs of every kind; those of `raw` work on raw ids too, and one of each family is resumed. */
const RUNS: readonly { readonly sets: readonly string[]; readonly raw?: true; readonly resumed?: true }[] = [
  { sets: ['kind=full', 'compression=null'] },
  { sets: ['kind=hash', 'perTable=true'] },
  { sets: ['kind=robe', 'minRows=50'], resumed: true },
  { sets: ['kind=hashednet'] },
  { sets: ['kind=qr'], raw: true, resumed: true },
  { sets: ['kind=qr', 'operation=concat', 'minRows=50'] },
  { sets: ['kind=qr', 'operation=concat', 'memories=4'] },
  { sets: ['kind=md'], resumed: true },
  { sets: ['kind=tt', 'minRows=50'], resumed: true },
  { sets: ['kind=tt'], raw: true },
  { sets: ['kind=jlt'], raw: true, resumed: true },
  { sets: ['kind=jlt', 'sketch=achlioptas', 'compression=60'] },
  { sets: ['kind=jlt', 'sketch=gaussian', 'compression=60'], resumed: true },
];

test.before(() => {
  writeFileSync(join(cwd, 'config.yaml'), CONFIG);
  const slice = join(repositoryRoot, 'data', 'criteo-slice.tsv');
  for (const ids of ['vocab', 'raw']) {
    const prepared = runPss(['prepare', slice, '--out', ids, '--ids', ids, '--split', 'head:5000'], { cwd });
    assert.is(prepared.code, 0, prepared.stderr);
  }
});

const settings = (sets: readonly string[], ids: string) => [
  ...sets.flatMap((set) => ['--set', `embedding.${set}`]),
  ...['--set', `data.train=${ids}/train`, '--set', `data.eval=${ids}/test`],
];

/**
 * Rounding sends training along another course, and with 1,000 test rows that alone moves AUC: over five seeds of three kinds the differences
 * had mean −0.001 and standard deviation 0.011. Four of these are allowed, so this finds a kind that doesn't learn in bf16;
 * `npm test -- embedding-training` compares losses step by step.
 */
const BF16_AUC = 0.045;

for (const { sets, raw, resumed: resumes } of RUNS) {
  for (const ids of raw ? ['vocab', 'raw'] : ['vocab']) {
    test(`trains, counts its bytes, learns in bf16 too${resumes ? ', and resumes to the same bytes' : ''}: ${sets.join(' ')}, ${ids} ids`, async () => {
      const name = `${sets.join('-')}-${ids}`;
      const args = ['train', '--config', 'config.yaml', ...settings(sets, ids), '--run-dir'];
      const whole = runPss([...args, name], { cwd });
      assert.is(whole.code, 0, whole.stderr);
      const events = readEvents(join(cwd, name));
      const start = events.find(({ event }) => event === 'run_start');
      const evaluation = events.findLast(({ event }) => event === 'eval');
      assert.ok(Number(evaluation?.['auc']) > 0.6, `AUC ${evaluation?.['auc']}`);

      const file = newestModelPath(join(cwd, name));
      const { tensors } = await describeSafetensors(file);
      const floats = tensors
        .filter((tensor) => tensor.name.startsWith('embedding.'))
        .reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0);
      assert.is(floats * 4, start?.['embeddingBytes']);

      if (ids === 'raw') return;
      const rounded = runPss([...args, `${name}-bf16`, '--set', 'precision=bf16'], { cwd });
      assert.is(rounded.code, 0, rounded.stderr);
      const inBf16 = readEvents(join(cwd, `${name}-bf16`)).findLast(({ event }) => event === 'eval');
      const difference = Number(inBf16?.['auc']) - Number(evaluation?.['auc']);
      assert.ok(Math.abs(difference) < BF16_AUC, `AUC ${difference} from float32's`);

      if (!resumes) return;
      const half = runPss([...args, `${name}-half`, '--set', 'train.epochs=0.7'], { cwd });
      assert.is(half.code, 0, half.stderr);
      const resumed = runPss(['train', '--resume', `${name}-half`, '--set', 'train.epochs=1.5'], { cwd });
      assert.is(resumed.code, 0, resumed.stderr);
      const ending = readFileSync(newestModelPath(join(cwd, `${name}-half`)));
      assert.ok(ending.equals(readFileSync(file)));
    });
  }
}

test('a budget too small for a kind is said in a sentence, and nothing is made', () => {
  const sets = ['kind=md', 'compression=1000'];
  const args = ['train', '--config', 'config.yaml', ...settings(sets, 'vocab'), '--run-dir', 'never'];
  const { code, stderr } = runPss(args, { cwd });
  assert.is(code, 2, stderr);
  assert.match(
    stderr,
    /embedding\.compression: \d+ floats are too few for kind md, which needs at least \d+/,
  );
  assert.not(existsSync(join(cwd, 'never')));
});

test('a sketch whose lookups cost much is warned about', () => {
  const sets = ['kind=jlt', 'sketch=gaussian', 'compression=null', 'memorySize=80000'];
  const args = ['train', '--config', 'config.yaml', ...settings(sets, 'vocab')];
  const { code, stderr } = runPss([...args, '--set', 'train.epochs=0.02', '--run-dir', 'dear'], { cwd });
  assert.is(code, 0, stderr);
  assert.match(stderr, /gaussian sketch reads all of M: k·d = 80000 multiply-adds a lookup/);
});

test.run();
