import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runPss } from '../helpers/run-pss.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('inspect command');
const folder = temporaryFolder();
const [vocab, raw, run, rawRun] = ['vocab', 'raw', 'run', 'raw-run'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
  string,
];

test.before(() => {
  for (const [out, ids] of [
    [vocab, 'vocab'],
    [raw, 'raw'],
  ] as const) {
    const { code, stderr } = runPss([
      'prepare',
      'data/criteo-slice.tsv',
      '--out',
      out,
      '--split',
      'head:5000',
      '--ids',
      ids,
    ]);
    assert.is(code, 0, stderr);
  }
  for (const [data, runDir] of [
    [vocab, run],
    [raw, rawRun],
  ] as const) {
    const sets = [`data.train=${data}/train`, `data.eval=${data}/test`, 'train.epochs=0.05'];
    const { code, stderr } = runPss(
      ['train', '--config', 'configs/smoke.yaml', '--run-dir', runDir].concat(
        sets.flatMap((set) => ['--set', set]),
      ),
    );
    assert.is(code, 0, stderr);
  }
});

test('shows how ids share the array, with and without data', () => {
  const plain = runPss(['inspect', '--run', run]);
  assert.is(plain.code, 0, plain.stderr);
  assert.match(plain.stdout, /^embedding: robe, \d+ floats; every id counted once\.$/m);
  assert.match(
    plain.stdout,
    /^ {2}occupancy +\d+\.\d% of the floats are read, and random places would be \d+\.\d%;/m,
  );
  const counted = runPss(['inspect', '--run', run, '--data', join(vocab, 'train'), '--json']);
  assert.is(counted.code, 0, counted.stderr);
  const { rows, memories } = JSON.parse(counted.stdout);
  assert.is(rows, 5000);
  for (const { lookups, collided, interference } of memories[0].tables) {
    assert.is(lookups, 5000);
    assert.ok(interference > 0 && interference < 1 && collided > 0 && collided <= 1);
  }
});

test('takes raw ids from data', () => {
  const { code, stdout, stderr } = runPss(['inspect', '--run', rawRun, '--data', join(raw, 'train')]);
  assert.is(code, 0, stderr);
  assert.match(stdout, /ids weighted by their occurrences in 5000 rows/);
  const without = runPss(['inspect', '--run', rawRun]);
  assert.is(without.code, 1);
  assert.match(
    without.stderr,
    /takes raw ids, and only data say which of them there are; name prepared folders with --data\./,
  );
});

test('says what is wrong', () => {
  const cases: [args: string[], code: number, says: RegExp][] = [
    [[], 2, /Which model\? Give --run RUN_DIR or --init FILE\.safetensors\./],
    [['--run', join(folder, 'none')], 1, /none can't be opened \(there is no such file/],
    [['--run', run, '--data', join(raw, 'train')], 1, /doesn't fit the model: ids is raw, not vocab/],
    [['--run', run, '--data', join(folder, 'none')], 2, /--data: nothing matches/],
  ];
  for (const [args, code, says] of cases) {
    const result = runPss(['inspect', ...args]);
    assert.is(result.code, code, result.stderr);
    assert.match(result.stderr, says);
  }
});

test.run();
