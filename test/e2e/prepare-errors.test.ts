import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeRawRows } from '../helpers/criteo-rows.ts';
import { fingerprint } from '../helpers/fingerprint.ts';
import { PSS_ARGS, runPss } from '../helpers/run-pss.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('prepare, when something is wrong');
const folder = temporaryFolder();
const out = join(folder, 'place', 'out');
const good = join(folder, 'good.tsv');
const goodText = makeRawRows(200, 8);
writeFileSync(good, goodText);

function store(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Runs prepare, which must fail with this exit code and one sentence, and leave nothing behind. */
function refuses(args: readonly string[], status: number, sentence: RegExp): void {
  const run = runPss(['prepare', '--out', out, '--quiet', ...args]);
  assert.is(run.code, status, run.stderr);
  assert.match(run.stderr, sentence);
  assert.is(run.stdout, '');
  assertNothingLeft();
}

function assertNothingLeft(): void {
  const left = existsSync(join(folder, 'place')) ? readdirSync(join(folder, 'place')) : [];
  assert.equal(left, []);
}

test('missing, empty and unsuitable inputs are named', () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const prepared = join(folder, 'prepared');
  assert.is(runPss(['prepare', good, '--out', prepared, '--quiet']).code, 0);
  refuses([join(folder, 'gone.tsv')], 1, /Cannot read .*gone\.tsv: there is no such file/);
  refuses([empty], 1, /The folder .*empty holds no files/);
  refuses([store('nothing.tsv', '')], 1, /The input is empty/);
  refuses(['-'], 1, /The input is empty/);
  refuses(['-', '-'], 2, /Standard input \(-\) is named twice/);
  refuses([prepared], 1, /prepared is prepared already/);
  refuses([join(prepared, 'part-00000.arrow')], 1, /isn't raw Criteo text but an Arrow file/);
});

test('wrong options are wrong usage', () => {
  refuses([good, '--split', 'half'], 2, /--split "half" isn't a rule/);
  refuses([good, '--ids', 'hashed'], 2, /Allowed choices are raw, vocab/);
  refuses([good, '--max-index', '0'], 2, /whole number of at least 1/);
  refuses([good, '--max-index', '4294967296'], 2, /isn't a whole number from 1 to 4294967295/);
  refuses([good, '--max-bad-rows', 'some'], 2, /neither a share of all rows/);
  refuses([good, '--jobs', '1000'], 2, /--jobs 1000 isn't a whole number from 1 to 256/);
  refuses([good, '--split', 'tb-mlperf'], 2, /needs the 24 files day_0 to day_23/);
  refuses([good, '--split', 'head:200'], 1, /leaves no rows for test, since the input has only 200/);
});

test('an output folder with something in it is left alone', () => {
  const full = join(folder, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'note'), 'mine');
  const run = runPss(['prepare', good, '--out', full, '--quiet']);
  assert.is(run.code, 1);
  assert.match(run.stderr, /The folder .*full isn't empty, and nothing in it is overwritten/);
  assert.equal(readdirSync(full), ['note']);
  const file = runPss(['prepare', good, '--out', good, '--quiet']);
  assert.match(file.stderr, /good\.tsv is a file; choose another --out/);
  assert.is(readFileSync(good, 'utf8'), goodText);
});

test('too many malformed rows are an error that names the first of them', () => {
  const bad = store('bad.tsv', `${goodText}1\t2\t3\n${goodText}`);
  refuses(
    [bad],
    1,
    /^pss: 1 of the first 401 rows .* --max-bad-rows 0\.1% .*bad\.tsv line 201 \(not 40 columns: "1\\t2\\t3"\)/,
  );
  const run = runPss(['prepare', bad, '--out', join(folder, 'lenient'), '--max-bad-rows', '1', '--quiet']);
  assert.is(run.code, 0, run.stderr);
  assert.match(run.stderr, /1 malformed rows were left out \(1 × not 40 columns\)/);
});

test('a gzip file cut off is used as far as it goes, with a warning; a damaged one is not used', () => {
  const data = gzipSync(makeRawRows(3000, 9));
  const cut = store('cut.gz', data.subarray(0, data.length - 3000));
  const run = runPss(['prepare', cut, '--out', join(folder, 'cut'), '--quiet']);
  assert.is(run.code, 0, run.stderr);
  assert.match(run.stderr, /cut\.gz is cut off; only the \d+ whole rows before that were used/);
  data.fill(0xff, 2000, 2100);
  refuses(
    [store('damaged.gz', data)],
    1,
    /damaged\.gz is corrupt at byte \d+; fetch or compress the file again/,
  );
});

testUnless(
  test,
  process.getuid?.() === 0 ? 'root may read everything' : undefined,
  'a file without permission is named before anything is read',
  () => {
    const secret = store('secret.tsv', goodText);
    chmodSync(secret, 0);
    refuses([good, secret], 1, /secret\.tsv: it may not be read by this user/);
  },
);

test('a full disk is an error that keeps what is done, and with space again the work goes on', () => {
  const rows = store('many.tsv', makeRawRows(90_000, 10));
  const whole = join(folder, 'whole');
  assert.is(runPss(['prepare', rows, '--out', whole, '--ids', 'vocab', '--quiet']).code, 0);
  const args = ['prepare', rows, '--out', out, '--ids', 'vocab', '--quiet'];
  const command = [...PSS_ARGS, ...args].map((arg) => `'${arg}'`).join(' ');
  // A limit on the size of files stands for the end of the disk.
  const run = spawnSync(
    'bash',
    ['-c', `trap '' XFSZ; ulimit -f 12000; exec '${process.execPath}' ${command}`],
    {
      cwd: repositoryRoot,
      encoding: 'utf8',
      env: { ...process.env, TSX_DISABLE_CACHE: '1' },
    },
  );
  assert.is(run.status, 1, run.stderr);
  assert.match(
    run.stderr,
    /The disk of .*out is full \(EFBIG\); free some space; what is done is kept in .*out\.unfinished/,
  );
  assert.equal(readdirSync(join(folder, 'place')), ['out.unfinished']);
  const again = runPss(args);
  assert.is(again.code, 1);
  assert.match(again.stderr, /left .*out\.unfinished; add --resume to go on with it, or remove that folder/);
  const other = runPss([...args, '--max-index', '7', '--resume']);
  assert.is(other.code, 2);
  assert.match(other.stderr, /can't be resumed, since --max-index isn't what it was/);
  const resumed = runPss([...args, '--resume']);
  assert.is(resumed.code, 0, resumed.stderr);
  assert.equal(fingerprint(out), fingerprint(whole));
  rmSync(out, { recursive: true });
  assertNothingLeft();
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} stops the work, even while it waits for input, and the same input goes on from there`, async () => {
    const text = makeRawRows(80_000, 11);
    const args = ['prepare', '-', '--out', out, '--quiet'];
    const child = spawn(process.execPath, [...PSS_ARGS, ...args], {
      cwd: repositoryRoot,
      stdio: ['pipe', 'inherit', 'pipe'],
    });
    child.stdin.write(text.slice(0, -1000));
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errors += chunk;
    });
    const exited = once(child, 'exit');
    const part = join(folder, 'place', 'out.unfinished', 'output', 'part-00000.arrow');
    while (!existsSync(part)) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill(signal);
    const [code] = await exited;
    assert.is(code, 130, errors);
    assert.match(
      errors,
      /Interrupted; what is done is kept in .*out\.unfinished: run the same command with --resume/,
    );
    assert.equal(readdirSync(join(folder, 'place')), ['out.unfinished']);
    const resumed = runPss([...args, '--resume'], { input: text });
    assert.is(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stdout, /80,000 rows/);
    const whole = join(folder, `whole-${signal}`);
    assert.is(runPss(['prepare', '-', '--out', whole, '--quiet'], { input: text }).code, 0);
    assert.equal(fingerprint(out), fingerprint(whole));
    rmSync(out, { recursive: true });
  });
}

test.run();
