import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.ts';
import { rowBlocks } from '../../src/synth/row-stream.ts';
import { completeSynthOptions, type SynthOptions } from '../../src/synth/synth-options.ts';
import { PSS_ARGS, runPss } from '../helpers/run-pss.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('pss synth');
const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

test('shards are those that prepare makes of the text, and the manifests differ in their inputs alone', () => {
  const args = ['synth', '--rows', '70001', '--profile', 'tiny', '--seed', '9', '--quiet'];
  const made = runPss([...args, '--out', at('shards'), '--format', 'arrow']);
  assert.is(made.code, 0, made.stderr);
  assert.match(made.stdout, /^.*shards: 70,001 rows, 2\d\.\d\d% of them clicks\nBest possible AUC 0\.8/);
  assert.is(runPss([...args, '--out', at('text')]).code, 0);
  assert.is(runPss(['prepare', at('text'), '--out', at('prepared'), '--quiet']).code, 0);
  const read = (name: string) => readFileSync(join(at(name), 'part-00000.arrow'));
  assert.ok(read('shards').equals(read('prepared')));
  const manifest = (name: string) => {
    const { inputs, ...rest } = JSON.parse(readFileSync(join(at(name), 'manifest.json'), 'utf8'));
    return { rest, input: inputs[0].name };
  };
  assert.equal(manifest('shards').rest, manifest('prepared').rest);
  assert.is(manifest('shards').input, 'synth --profile tiny --seed 9 --start 0 --day-rows 100000');
});

test('text goes to a file a day, from any row on, or all of it to standard output', () => {
  const args = ['synth', '--rows', '2500', '--start', '1700', '--day-rows', '1000', '--profile', 'tiny'];
  assert.is(runPss([...args, '--out', at('days')]).code, 0);
  assert.equal(readdirSync(at('days')).sort(), ['day_1.tsv', 'day_2.tsv', 'day_3.tsv', 'day_4.tsv']);
  const days = readdirSync(at('days'))
    .sort()
    .map((name) => readFileSync(join(at('days'), name), 'utf8'));
  assert.equal(
    days.map((text) => text.split('\n').length - 1),
    [300, 1000, 1000, 200],
  );
  const piped = runPss([...args, '--out', '-']);
  assert.is(piped.stdout, days.join(''));
  assert.match(piped.stderr, /Standard output: 2,500 rows/);
});

test('blocks cover all rows once and never go over a day', () => {
  const blocks = [...rowBlocks(5, 200_000, 90_000)];
  assert.equal(
    blocks.map(({ first, rows }) => [first, rows]),
    [
      [5, 65_536],
      [65_541, 24_459],
      [90_000, 65_536],
      [155_536, 24_464],
      [180_000, 20_000],
    ],
  );
});

test('wrong options are wrong usage', () => {
  const run = runPss(['synth', '--rows', '10', '--out', at('never'), '--profile', 'avazu']);
  assert.is(run.code, 2);
  assert.match(run.stderr, /Allowed choices are kaggle, tb, tiny/);
  assert.not.ok(existsSync(at('never')));
  const refuses = (options: Partial<SynthOptions>, sentence: RegExp) =>
    assert.throws(
      () => completeSynthOptions({ rows: 10, out: 'out', ...options }, 2),
      (error: Error) => error instanceof UsageError && sentence.test(error.message),
    );
  refuses({ rows: 0 }, /--rows 0 isn't a whole number from 1 to 1099511627776/);
  refuses({ rows: 2e12 }, /--rows 2000000000000 isn't a whole number/);
  refuses({ start: 2 ** 40 }, /--start 1099511627776 isn't a whole number from 0 to/);
  refuses({ rows: 2e7, dayRows: 1 }, /--day-rows 1 isn't a whole number from 20 to/);
  refuses({ jobs: 1000 }, /--jobs 1000 isn't a whole number from 1 to 256/);
  refuses({ out: '-', format: 'arrow' }, /--out - writes text only/);
});

test('a folder that holds something is left alone', () => {
  mkdirSync(at('full'));
  writeFileSync(join(at('full'), 'mine'), 'mine');
  const run = runPss(['synth', '--rows', '10', '--out', at('full')]);
  assert.is(run.code, 1);
  assert.match(run.stderr, /isn't empty, and nothing in it is overwritten/);
  assert.equal(readdirSync(at('full')), ['mine']);
});

test('an interrupted run leaves nothing behind', async () => {
  const place = at('place');
  mkdirSync(place);
  const args = [
    ...PSS_ARGS,
    'synth',
    '--rows',
    '1000000000',
    '--format',
    'arrow',
    '--out',
    join(place, 'out'),
  ];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  while (readdirSync(place).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  assert.is(code, 130);
  assert.equal(readdirSync(place), []);
});

test('a reader that has seen enough ends the work', async () => {
  const args = [...PSS_ARGS, 'synth', '--rows', '1000000000', '--out', '-', '--quiet'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'exit');
  assert.is(code, 0);
});

test.run();
