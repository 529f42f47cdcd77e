import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../src/addon/load.ts';
import { makeRawRows } from '../helpers/criteo-rows.ts';
import { encoderIn, readerOptions, readRaw } from '../helpers/read-raw.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('raw row reader');
const folder = temporaryFolder();
const rows = join(folder, 'rows.tsv');
writeFileSync(rows, makeRawRows(5000, 3));
const { CriteoReader } = loadAddon();

/** Code of the error a promise rejects with. */
async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
}

test('asking again before an answer is refused, and the first call still answers', async () => {
  const pipe = join(folder, 'slow');
  execFileSync('mkfifo', [pipe]);
  const reader = new CriteoReader(readerOptions([pipe]));
  const first = reader.next();
  assert.is(await codeOf(reader.next()), 'ERR_BUSY');
  await writeFile(pipe, makeRawRows(20, 6));
  assert.is((await first)?.rows, 16);
  reader.close();
});

test('closing twice, asking afterwards and releasing anything are harmless', async () => {
  const reader = new CriteoReader(readerOptions([rows]));
  for (const slot of [0, 1, 2, 99, -1]) reader.release(slot);
  await reader.next();
  reader.close();
  reader.close();
  reader.release(0);
  assert.is(await codeOf(reader.next()), 'ERR_CLOSED');
  assert.throws(() => reader.summary(), /closed/);
});

test('without free buffers the reader waits instead of overwriting', async () => {
  const options = readerOptions([rows]);
  const reader = new CriteoReader(options);
  const slots = [await reader.next(), await reader.next(), await reader.next()].map((batch) => batch?.slot);
  const before = options.buffers.map(({ sparse }) => sparse.join());
  const fourth = reader.next();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(
    options.buffers.map(({ sparse }) => sparse.join()),
    before,
  );
  reader.release(slots[1] as number);
  assert.is((await fourth)?.slot, slots[1]);
  reader.close();
});

test('the end stays the end', async () => {
  const reader = new CriteoReader(readerOptions([rows]));
  for (let batch = await reader.next(); batch; batch = await reader.next()) reader.release(batch.slot);
  assert.is(await reader.next(), null);
  reader.close();
});

test('buffers of the wrong type or length are refused', () => {
  const good = readerOptions([rows]);
  const buffer = good.buffers[0];
  assert.ok(buffer);
  const wrong = [
    { ...buffer, label: new Uint8Array(3) },
    { ...buffer, dense: buffer.sparse },
    { ...buffer, sparse: 1 },
  ];
  for (const one of wrong) {
    assert.throws(
      () => new CriteoReader({ ...good, buffers: [one as unknown as typeof buffer] }),
      /wrong type or length/,
    );
  }
  assert.throws(() => new CriteoReader({ ...good, buffers: [] }), /at least one/);
});

test('malformed rows stop the reader at 10,000 rows by share, at once by number', async () => {
  const path = join(folder, 'bad.tsv');
  writeFileSync(path, `${'junk\n'.repeat(50)}${makeRawRows(30_000, 4)}`);
  assert.is(await codeOf(readRaw([path], { maxBadFraction: 0.001 })), 'ERR_BAD_ROWS');
  assert.is(await codeOf(readRaw([path], { maxBadRows: 49, blockBytes: 100 })), 'ERR_BAD_ROWS');
  const { summary } = await readRaw([path], { maxBadFraction: 0.006, batchRows: 4096 });
  assert.equal(summary.rejected, { columns: 50 });
  assert.is(summary.samples.length, 20);
  const few = join(folder, 'few.tsv');
  writeFileSync(few, `junk\n${makeRawRows(100, 5)}`);
  assert.is(
    await codeOf(readRaw([few], { maxBadFraction: 0.001 })),
    'ERR_BAD_ROWS',
    'judged at the end as well',
  );
});

test('a missing file, a folder and files of other kinds are errors that name the file', async () => {
  const cases: [string, string, string][] = [
    ['gone.tsv', '', 'ERR_OPEN'],
    ['x.arrow', 'ARROW1\0\0', 'ERR_FORMAT'],
    ['x.zip', 'PK\x03\x04....', 'ERR_FORMAT'],
  ];
  for (const [name, content, code] of cases) {
    const path = join(folder, name);
    if (content) writeFileSync(path, content, 'latin1');
    await readRaw([path]).then(
      () => assert.unreachable(name),
      (error: NodeJS.ErrnoException & { file: string }) => {
        assert.is(error.code, code);
        assert.is(error.file, path);
        assert.ok(error.message.includes(path));
      },
    );
  }
  assert.is(await codeOf(readRaw([folder])), 'ERR_READ');
});

test('closing at any moment ends at once, with many batches in a block as well', async () => {
  for (let round = 0; round < 150; round++) {
    const reader = new CriteoReader(readerOptions([rows], round % 2 ? { encoder: encoderIn(folder) } : {}));
    for (let i = 0; i < round % 5; i++) {
      const batch = await reader.next();
      if (batch) reader.release(batch.slot);
    }
    reader.close();
  }
});

test('closing ends a wait for a pipe that nobody writes to', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = new CriteoReader(readerOptions([pipe]));
  const waiting = codeOf(reader.next());
  await new Promise((resolve) => setTimeout(resolve, 30));
  reader.close();
  assert.is(await waiting, 'ERR_CLOSED');
});

/** A program that starts a reader and then does something else. */
function program(after: string): string {
  return `
    import { loadAddon } from ${JSON.stringify(join(repositoryRoot, 'src/addon/load.ts'))};
    import { readerOptions } from ${JSON.stringify(join(repositoryRoot, 'test/helpers/read-raw.ts'))};
    const { CriteoReader } = loadAddon();
    const open = (input = ${JSON.stringify(rows)}) => new CriteoReader(readerOptions([input]));
    ${after}`;
}

function runProgram(
  name: string,
  after: string,
): { code: number | null; signal: string | null; output: string } {
  const path = join(folder, `${name}.mts`);
  writeFileSync(path, program(after));
  // Standard input stays open and silent, so a reader of it waits.
  const silent = openSync('/dev/zero', 'r');
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--expose-gc', path], {
    cwd: repositoryRoot,
    encoding: 'utf8',
    timeout: 60_000,
    stdio: [silent, 'pipe', 'pipe'],
  });
  return { code: run.status, signal: run.signal, output: run.stdout + run.stderr };
}

test('a process may exit in the middle of reading', () => {
  const run = runProgram('exit', `const r = open(); r.next(); setTimeout(() => process.exit(7), 5);`);
  assert.is(run.code, 7, run.output);
});

test('a process that forgets a reader ends by itself', () => {
  const run = runProgram('forget', `const r = open(); await r.next(); console.log('done');`);
  assert.is(run.code, 0, run.output);
  assert.match(run.output, 'done');
});

test('a process may exit while it waits for standard input', async () => {
  const path = join(folder, 'stdin.mts');
  writeFileSync(path, program(`open('-').next(); setTimeout(() => process.exit(7), 50);`));
  const child = spawn(process.execPath, ['--import', 'tsx', path], {
    cwd: repositoryRoot,
    stdio: ['pipe', 1, 2],
  });
  const [code] = await once(child, 'exit');
  assert.is(code, 7);
});

test('readers dropped without a close give their memory back', () => {
  const run = runProgram(
    'collect',
    `
    const round = async () => {
      for (let i = 0; i < 50; i++) await open().next();
      for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 10)); }
      return process.memoryUsage().rss;
    };
    await round();
    const before = await round();
    for (let i = 0; i < 3; i++) await round();
    const after = await round();
    console.log(JSON.stringify({ grownMb: (after - before) / 1e6 }));
    const { readdirSync } = await import('node:fs');
    console.log('threads', readdirSync('/proc/self/task').length);`,
  );
  assert.is(run.code, 0, run.output);
  const { grownMb } = JSON.parse(run.output.split('\n')[0] ?? '{}') as { grownMb: number };
  assert.ok(grownMb < 100, `grew by ${grownMb} MB`);
  assert.ok(Number(/threads (\d+)/.exec(run.output)?.[1]) < 30, run.output);
});

test('a worker thread may be terminated in the middle of reading', async () => {
  const path = join(folder, 'worker.mts');
  writeFileSync(path, program(`while (true) { const r = open(); while (await r.next()) r.release(0); }`));
  for (let i = 0; i < 8; i++) {
    const worker = new Worker(
      `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(path)}); })`,
      { eval: true },
    );
    await once(worker, 'online');
    await new Promise((resolve) => setTimeout(resolve, 300 + 37 * i));
    await worker.terminate();
  }
  const { label } = await readRaw([rows], { batchRows: 1024 });
  assert.is(label.length, 5000, 'the addon still works in this thread');
});

test.run();
