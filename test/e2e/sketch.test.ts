import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../src/addon/load.ts';
import type { PssError } from '../../src/errors.ts';
import { parseMethod } from '../../src/theory/methods.ts';
import { sketchTable } from '../../src/theory/sketch.ts';
import { TableFile } from '../../src/theory/table.ts';
import { runPss } from '../helpers/run-pss.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { memoryTable, writeTensors } from '../helpers/tables.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('sketch');
const seed = testSeed(70);
const folder = temporaryFolder();
const file = join(folder, 'table.safetensors');
const values = new SeededRandom(seed).floats(200 * 4);
writeTensors(file, [
  { name: 'bias', shape: [4], values: values.subarray(0, 4) },
  { name: 'table', shape: [200, 4], values },
]);

test('compresses a table, prints errors beside bounds, and draws them', () => {
  for (const plot of ['plot.svg', 'plot.html'].map((name) => join(folder, name))) {
    const { code, stdout, stderr } = runPss(['sketch', file, '--compression', '2,10', '--plot', plot]);
    assert.is(code, 0, stderr);
    assert.match(stdout, /^table: 200 × 4 F32, rank 4, largest singular value \d/);
    assert.match(stdout, /^robe, mean +80 +10\.0x( +[\d.]+){4} /m);
    const text = readFileSync(plot, 'utf8');
    assert.match(text, /<svg[^>]* width="\d+"[\s\S]*Macro error, largest over all x and y[\s\S]*<\/svg>/);
    assert.not.match(text, /NaN|undefined|<script|https?:\/\/(?!www\.w3\.org)/);
    assert.is(text.startsWith('<!doctype html>'), plot.endsWith('.html'));
  }
});

test('draws a PNG of twice the size, letters included, the same bytes on every machine', () => {
  const [svg, png, again] = ['size.svg', 'plot.png', 'again.png'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const plot of [svg, png, again]) {
    const { code, stderr } = runPss([
      'sketch',
      file,
      '--method',
      'hash',
      '--compression',
      '2',
      '--plot',
      plot,
    ]);
    assert.is(code, 0, stderr);
  }
  const picture = readFileSync(png);
  assert.is(picture.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
  const size = /<svg[^>]* width="(\d+)" height="(\d+)"/.exec(readFileSync(svg, 'utf8'));
  const [width, height] = [16, 20].map((at) => picture.readUInt32BE(at));
  assert.equal([width, height], [2 * Number(size?.[1]), 2 * Number(size?.[2])]);
  assert.ok(picture.equals(readFileSync(again)));
  // Without letters it would be about a third as long.
  assert.ok(picture.length > 30_000, `${picture.length} bytes`);
});

test('--json has every error, and no memory is as good as all of it', () => {
  const args = ['sketch', file, '--json', '--method', 'robe:2,hash', '--memory-size', '800,42'];
  const first = runPss(args);
  assert.is(first.code, 0, first.stderr);
  const report = JSON.parse(first.stdout);
  assert.equal([report.tensor, report.rows, report.dim, report.rank], ['table', 200, 4, 4]);
  assert.equal(
    report.results.map((r: { method: string; recovery: string; memorySize: number }) =>
      [r.method, r.recovery, r.memorySize].join(' '),
    ),
    ['robe:2', 'hash'].flatMap((method) =>
      [800, method === 'hash' ? 40 : 42].flatMap((size) => [
        `${method} sketch ${size}`,
        `${method} mean ${size}`,
      ]),
    ),
  );
  for (const { macro, micro, bounds, memorySize, memoryBytes, compression } of report.results) {
    assert.ok(macro.random.max <= macro.worst && macro.structured.max <= macro.worst * (1 + 1e-9));
    assert.is(micro.length, bounds.micro.length);
    assert.is(memoryBytes, memorySize * 4);
    assert.is(compression, 800 / memorySize);
    for (const { pairs, pairLimit } of micro) assert.ok(pairs.max <= pairLimit);
  }
  assert.is(runPss(args).stdout, first.stdout);
});

test('takes a table of a checkpoint of kind full by name', () => {
  const run = join(folder, 'run');
  const shards = join(folder, 'slice');
  runPss(['prepare', 'data/criteo-slice.tsv', '--out', shards, '--split', 'head:5000', '--ids', 'vocab']);
  const sets = [
    `data.train=${shards}/train`,
    `data.eval=${shards}/test`,
    'embedding.kind=full',
    'embedding.compression=null',
    'embedding.chunkSize=null',
    'embedding.memorySize=null',
    'embedding.hash=null',
    'embedding.aligned=null',
    'train.epochs=0.1',
  ].flatMap((set) => ['--set', set]);
  const trained = runPss(['train', '--config', 'configs/smoke.yaml', ...sets, '--run-dir', run]);
  assert.is(trained.code, 0, trained.stderr);
  const { code, stdout, stderr } = runPss([
    'sketch',
    run,
    '--tensor',
    'embedding.1.weight',
    '--compression',
    '3',
  ]);
  assert.is(code, 0, stderr);
  assert.match(stdout, /^embedding\.1\.weight: \d+ × 16 F32/);
  const unnamed = runPss(['sketch', run]);
  assert.is(unnamed.code, 2);
  assert.match(
    unnamed.stderr,
    /has several tables; name one with --tensor: .*embedding\.0\.weight \[\d+, 16\]/,
  );
});

test('reads every float format', async () => {
  // 1.5, −2, 2^-24 (the smallest binary16) and 65504 (the largest), or the nearest to them.
  const cases: [dtype: string, bytes: Buffer, expected: number[]][] = [
    ['F16', Buffer.from(Uint16Array.of(0x3e00, 0xc000, 0x0001, 0x7bff).buffer), [1.5, -2, 2 ** -24, 65504]],
    ['BF16', Buffer.from(Uint16Array.of(0x3fc0, 0xc000, 0x3380, 0x4780).buffer), [1.5, -2, 2 ** -24, 65536]],
    ['F64', Buffer.from(Float64Array.of(1.5, -2, 2 ** -24, 65504).buffer), [1.5, -2, 2 ** -24, 65504]],
  ];
  for (const [dtype, bytes, expected] of cases) {
    const path = join(folder, `${dtype}.safetensors`);
    const header = JSON.stringify({ t: { dtype, shape: [2, 2], data_offsets: [0, bytes.length] } }).padEnd(
      64,
    );
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(64n);
    writeFileSync(path, Buffer.concat([length, Buffer.from(header), bytes]));
    const table = await TableFile.open(path);
    const rows: number[] = [];
    for await (const block of table.blocks(1)) rows.push(...block.values);
    await table.close();
    assert.equal(rows, expected, dtype);
  }
});

test('methods and sizes that make no sense are refused with what does', async () => {
  const messageOf = async (work: () => unknown) => {
    try {
      await work();
    } catch (error) {
      assert.is((error as PssError).exitCode, 2);
      return (error as Error).message;
    }
    return '';
  };
  const method = (name: string) => messageOf(() => parseMethod(name, 4));
  assert.match(await method('robbe'), /There is no method "robbe"; use .*robe/);
  assert.match(await method('constructor'), /There is no method "constructor"/);
  assert.match(await method('robe:0'), /"robe:0" needs a whole number as its chunk size, e\.g\. robe:4\./);
  assert.match(await method('hash:2'), /Method "hash:2" has a number too many; write hash\./);
  assert.match(
    await messageOf(() => TableFile.open(file, 'bias')),
    /bias is F32 \[4\], not a table of floats/,
  );
  const table = memoryTable(values, 4);
  const sizes = (methods: string[], memorySizes: number[]) =>
    messageOf(() =>
      sketchTable(loadAddon(), { table, methods, memorySizes, seed: 1, delta: 0.1, threads: 1 }),
    );
  assert.match(await sizes(['hash'], [3]), /3 floats is too small for hash, which takes 4 at a time/);
});

test('says what is wrong, and leaves nothing behind', () => {
  const broken = join(folder, 'broken.safetensors');
  writeFileSync(broken, 'not a safetensors file');
  const flat = join(folder, 'flat.safetensors');
  writeTensors(flat, [{ name: 'bias', shape: [4], values: values.subarray(0, 4) }]);
  const holed = join(folder, 'holed.safetensors');
  const hole = values.slice();
  hole[4 * 150 + 2] = Number.NaN;
  writeTensors(holed, [{ name: 'table', shape: [200, 4], values: hole }]);
  const plot = join(folder, 'never.svg');
  const cases: [args: string[], code: number, says: RegExp][] = [
    [
      [broken],
      1,
      /broken\.safetensors says its header has \d+ bytes, more than can be in 22; give a whole safetensors file\./,
    ],
    [[flat], 2, /flat\.safetensors has no two-dimensional tensor of floats/],
    [[holed], 1, /Row 150 of the table has NaN in column 2; give a table of finite numbers\./],
    [[join(folder, 'none.safetensors')], 1, /none\.safetensors can't be opened \(there is no such file/],
    [[file, '--tensor', 'tabel'], 2, /tensor tabel isn't in it; it has table \[200, 4\]\./],
    [[file, '--memory-size', '801'], 2, /A memory of 801 floats is more than the table's 200 × 4 = 800/],
    [[file, '--compression', '1000'], 2, /--compression leaves 0 of the table's 800 floats/],
    [[file, '--compression', 'ten'], 2, /It must be a number\./],
    [[file, '--compression', '2', '--memory-size', '2'], 2, /say the same thing; give one of them/],
    [[file, '--method', 'robe:9'], 2, /chunkSize is 9 but must be at most embedding\.dim, 4/],
    [[file, '--delta', '0'], 2, /--delta is 0; it must be a probability/],
    [[file, '--plot', 'plot.gif'], 2, /A plot can't be written to plot\.gif; end its name in \.svg/],
    [[file, '--plot', join(folder, 'no', 'plot.svg')], 2, /The folder of .* doesn't exist/],
  ];
  for (const [args, code, says] of cases) {
    const result = runPss(['sketch', '--quiet', '--plot', plot, ...args]);
    assert.is(result.code, code, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, says);
    assert.is(result.stdout, '');
    assert.not(existsSync(plot));
  }
});

test.run();
