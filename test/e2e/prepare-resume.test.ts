import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { prepare } from '../../src/prepare/prepare.ts';
import type { PrepareOptions, PrepareOutput } from '../../src/prepare/prepare-options.ts';
import { makeRawRows } from '../helpers/criteo-rows.ts';
import { fingerprint } from '../helpers/fingerprint.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('prepare, interrupted and resumed');
const folder = temporaryFolder();
const seed = testSeed(41);
const silent: PrepareOutput = {
  info: () => {},
  warn: () => {},
  progress: () => ({ update: () => {}, stop: () => {} }),
};
const LITTLE_MEMORY = 150_000;

// Rows of two files, plain and gzip, across more than two record batches, with faults among them.
const inputs = [join(folder, 'day_0'), join(folder, 'day_1.gz')];
const rows = makeRawRows(80_000, seed);
writeFileSync(inputs[0] as string, `${rows.slice(0, 9_000_000).replace(/\n/, '\nfault\n')}`);
writeFileSync(
  inputs[1] as string,
  gzipSync(`${makeRawRows(100_000, seed + 1)}another fault\n`, { level: 1 }),
);

/** Everything that makes a way of its own through the work. */
const WAYS: Record<string, Partial<PrepareOptions>> = {
  'raw ids': {},
  'raw ids, held back for their split': { split: 'tail:0.4' },
  'dictionaries in memory': { ids: 'vocab', split: 'kaggle-random:7' },
  'dictionaries beyond memory': { ids: 'vocab', dictionaryBytes: LITTLE_MEMORY },
  'dictionaries beyond memory, rare values, a split': {
    ids: 'vocab',
    minCount: 5,
    dictionaryBytes: LITTLE_MEMORY,
    split: 'kaggle-chronological',
  },
};

/** An output that lets the work die at the `nth` news of progress. */
function dyingAt(nth: number): PrepareOutput {
  let news = 0;
  const update = () => {
    if (++news === nth) throw new Error('killed');
  };
  return { ...silent, progress: () => ({ update, stop: () => {} }) };
}

for (const [name, way] of Object.entries(WAYS)) {
  test(`a run that dies after every step gives the same bytes: ${name}`, async () => {
    const whole = join(folder, `whole-${name}`);
    const out = join(folder, `out-${name}`);
    await prepare({ inputs, maxBadRows: '5', ...way, out: whole }, silent);
    let attempts = 0;
    for (let done = false; !done; attempts++) {
      // In turn with little and nothing of importance lost since the last checkpoint.
      const checkpointMs = attempts % 3 === 2 ? 60_000 : 0;
      const options = { inputs, maxBadRows: '5', ...way, out, checkpointMs, resume: attempts > 0 };
      done = await prepare(options, dyingAt(2 + (attempts % 4))).then(
        () => true,
        (error: Error) => {
          assert.is(error.message, 'killed', error.stack);
          return false;
        },
      );
    }
    assert.ok(attempts > 1, `only ${attempts} attempts`);
    assert.equal(fingerprint(out), fingerprint(whole));
    assert.not.ok(existsSync(`${out}.unfinished`));
    rmSync(whole, { recursive: true });
    rmSync(out, { recursive: true });
  });
}

test('a process killed at random moments and resumed gives the same bytes', async () => {
  const way = { ...WAYS['dictionaries beyond memory, rare values, a split'], inputs, maxBadRows: '5' };
  const whole = join(folder, 'whole');
  const startedAt = performance.now();
  await prepare({ ...way, out: whole }, silent);
  const duration = performance.now() - startedAt;
  const out = join(folder, 'out');
  const program = join(folder, 'prepare.mts');
  writeFileSync(
    program,
    `import { prepare } from ${JSON.stringify(join(repositoryRoot, 'src/prepare/prepare.ts'))};
    const silent = { info() {}, warn() {}, progress: () => ({ update() {}, stop() {} }) };
    process.stdout.write('ready');
    await prepare(JSON.parse(process.argv[2]), silent);`,
  );
  const random = new SeededRandom(seed);
  let kills = 0;
  for (let ended = false; !ended; ) {
    const options = { ...way, out, resume: true, checkpointMs: 50 };
    const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(options)], {
      cwd: repositoryRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const exited = once(child, 'exit');
    const timer = setTimeout(
      () => child.kill('SIGKILL'),
      kills < 10 ? random.below(Math.ceil(duration / 4)) : 120_000,
    );
    const [code, signal] = await exited;
    clearTimeout(timer);
    assert.ok(signal === 'SIGKILL' || code === 0, `exit code ${code}`);
    ended = code === 0;
    kills += signal === 'SIGKILL' ? 1 : 0;
  }
  process.stdout.write(`killed ${kills} times\n`);
  assert.equal(fingerprint(out), fingerprint(whole));
  rmSync(out, { recursive: true });
});

test('a run that was stopped between the last rename and the end of its cleaning up counts as done', async () => {
  const out = join(folder, 'committed');
  const options = { inputs, maxBadRows: '5', out };
  const manifests = await prepare(options, silent);
  mkdirSync(join(`${out}.unfinished`, 'state'), { recursive: true });
  assert.equal(await prepare({ ...options, resume: true }, silent), manifests);
  assert.not.ok(existsSync(`${out}.unfinished`));
});

test('with nothing to resume the work begins, and after a change of an input it is refused', async () => {
  const input = join(folder, 'changing.tsv');
  writeFileSync(input, makeRawRows(100, seed));
  const options = { inputs: [input], out: join(folder, 'fresh'), resume: true, checkpointMs: 0 };
  assert.is((await prepare(options, silent))[0]?.rows, 100);
  rmSync(options.out, { recursive: true });
  const failed = await prepare(options, {
    ...silent,
    progress: () => ({ update: () => {}, stop: fail }),
  }).catch((error: Error) => error.message);
  assert.is(failed, 'killed');
  appendFileSync(input, makeRawRows(1, seed));
  await prepare(options, silent).then(
    () => assert.unreachable('the change went unnoticed'),
    ({ exitCode, message }) => {
      assert.is(exitCode, 2);
      assert.match(message, /can't be resumed, since input .*changing\.tsv isn't what it was/);
    },
  );
  assert.equal(
    readdirSync(`${options.out}.unfinished`).sort(),
    ['output', 'state'],
    'nothing is lost by that',
  );
});

function fail(): never {
  throw new Error('killed');
}

test.run();
