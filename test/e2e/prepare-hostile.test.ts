import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PssError } from '../../src/errors.ts';
import { prepare } from '../../src/prepare/prepare.ts';
import type { PrepareOptions, PrepareOutput } from '../../src/prepare/prepare-options.ts';
import { makeRawRows, randomNumbers } from '../helpers/criteo-rows.ts';
import { fingerprint } from '../helpers/fingerprint.ts';
import { readRaw } from '../helpers/read-raw.ts';
import { runPss } from '../helpers/run-pss.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('prepare, with hostile input');
const folder = temporaryFolder();
const rows = makeRawRows(300, 12);
const silent: PrepareOutput = {
  info: () => {},
  warn: () => {},
  progress: () => ({ update: () => {}, stop: () => {} }),
};
let made = 0;

function store(content: string | Buffer): string {
  const path = join(folder, `input-${made++}`);
  writeFileSync(path, content, 'latin1');
  return path;
}

/** Prepares into a folder of its own. */
async function shardsOf(content: string | Buffer, options: Partial<PrepareOptions> = {}) {
  const out = join(folder, `out-${made++}`);
  const [manifest] = await prepare({ ...options, inputs: [store(content)], out }, silent);
  const { 'manifest.json': _, ...files } = fingerprint(out);
  return { files, manifest };
}

async function refused(content: string | Buffer): Promise<string> {
  const error = await shardsOf(content).catch((cause: Error) => cause);
  assert.instance(error, PssError, 'it was accepted');
  return (error as PssError).message;
}

test('forty columns of garbage are refused, naming the first of them', async () => {
  const random = randomNumbers(5);
  const lines = Array.from({ length: 2000 }, () =>
    Array.from({ length: 40 }, () =>
      String.fromCharCode(...Array.from({ length: 6 }, () => 33 + (random() % 90))),
    ).join('\t'),
  );
  assert.match(
    await refused(lines.join('\n')),
    /2000 of the first 2000 rows .* line 1 \(label neither 0 nor 1/,
  );
});

test('Windows line ends, a byte-order mark and a missing last newline change nothing', async () => {
  const plain = await shardsOf(rows);
  for (const text of [rows.replaceAll('\n', '\r\n'), `\xef\xbb\xbf${rows}`, rows.trimEnd()]) {
    assert.equal((await shardsOf(text)).files, plain.files);
    assert.equal((await shardsOf(gzipSync(Buffer.from(text, 'latin1')))).files, plain.files);
  }
});

test('rows with zero bytes are left out one by one', async () => {
  const lines = rows.split('\n');
  const spoilt = [
    ...lines.slice(0, 10),
    `${lines[10]?.slice(0, -1)}\0`,
    '\0'.repeat(400),
    ...lines.slice(10),
  ];
  const { files, manifest } = await shardsOf(spoilt.join('\n'), { maxBadRows: '2' });
  assert.equal(files, (await shardsOf(rows)).files);
  assert.equal(manifest?.rejected.byReason, { binary: 2 });
});

test('a line of 100 MB is one row left out, and takes no memory to speak of', async () => {
  const line = Buffer.alloc(100e6, 'x');
  for (const content of [line, Buffer.alloc(100e6, '1\t')]) {
    const text = Buffer.concat([Buffer.from(rows), content, Buffer.from(`\n${rows}`)]);
    for (const bytes of [text, gzipSync(text, { level: 1 })]) {
      const path = store(bytes);
      const before = process.memoryUsage.rss();
      const { label, summary } = await readRaw([path], { batchRows: 256 });
      assert.is(label.length, 600);
      assert.equal(summary.rejected, { 'long-line': 1 });
      assert.is(summary.samples[0]?.line, 301);
      assert.ok(process.memoryUsage.rss() - before < 60e6);
      rmSync(path);
    }
  }
});

test('an empty file among others is no fault, and folders in a folder are left out', async () => {
  const inside = join(folder, 'inside');
  mkdirSync(join(inside, 'deeper'), { recursive: true });
  writeFileSync(join(inside, 'a'), '');
  writeFileSync(join(inside, 'b'), rows);
  writeFileSync(join(inside, 'c.gz'), gzipSync(''));
  const out = join(folder, 'from-folder');
  const [manifest] = await prepare({ inputs: [inside], out }, silent);
  assert.equal(
    manifest?.inputs.map((input) => input.rows),
    [0, 300, 0],
  );
});

test('amounts of memory that make no sense are wrong usage', () => {
  for (const memory of ['2', '100MB', '-2GB', 'much', '2 gb']) {
    const run = runPss(['prepare', store(rows), '--out', join(folder, 'none'), '--memory', memory]);
    assert.is(run.code, 2);
    assert.match(run.stderr, /isn't an amount of at least 512MB; give one, like 2GB/);
  }
  const run = runPss([
    'prepare',
    store(rows),
    '--out',
    join(folder, 'none'),
    '--memory',
    '512MB',
    '--jobs',
    '50',
  ]);
  assert.is(run.code, 2);
  assert.match(run.stderr, /--memory 512MB is too little for 50 threads; give more, or at most --jobs 12/);
});

const mountPoint = join(folder, 'small-disk');
mkdirSync(mountPoint);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', mountPoint]).status === 0;
test.after(() => {
  if (mounted) spawnSync('umount', [mountPoint]);
});

testUnless(
  test,
  mounted ? undefined : 'a small file system can be mounted by root only',
  'on a disk that fills up the work stops with an error, and goes on when there is space',
  () => {
    const text = makeRawRows(120_000, 6);
    const whole = join(folder, 'whole');
    assert.is(runPss(['prepare', '-', '--out', whole, '--ids', 'vocab', '--quiet'], { input: text }).code, 0);
    const ballast = join(mountPoint, 'ballast');
    writeFileSync(ballast, Buffer.alloc(28e6));
    const out = join(mountPoint, 'out');
    // From a pipe nothing is known beforehand, so that the disk fills up on the way.
    const piped = ['prepare', '-', '--out', out, '--ids', 'vocab', '--quiet'];
    const full = runPss(piped, { input: text });
    assert.is(full.code, 1, full.stderr);
    assert.match(full.stderr, /The disk of .*out is full \(ENOSPC\); free some space; what is done is kept/);
    assert.equal(readdirSync(mountPoint).sort(), ['ballast', 'out.unfinished']);
    const early = runPss(['prepare', store(text), '--out', join(mountPoint, 'other'), '--quiet']);
    assert.is(early.code, 1);
    assert.match(
      early.stderr,
      /shards of about 1\d{5} rows take 0\.02 GB, and the disk of .* has 0\.0\d GB left/,
    );
    rmSync(ballast);
    const resumed = runPss([...piped, '--resume'], { input: text });
    assert.is(resumed.code, 0, resumed.stderr);
    assert.equal(fingerprint(out), fingerprint(whole));
    assert.equal(readdirSync(mountPoint), ['out']);
  },
);

test.run();
