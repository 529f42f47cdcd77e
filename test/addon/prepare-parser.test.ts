import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CriteoReaderOptions } from '../../src/addon/criteo-types.ts';
import type { DenseProfile } from '../../src/manifest/manifest.ts';
import { numberIds, parseReference, withinOneUlp } from '../helpers/criteo-reference.ts';
import { makeRawRows } from '../helpers/criteo-rows.ts';
import { encoderIn, readRaw } from '../helpers/read-raw.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('raw row parser');
const folder = temporaryFolder();
const SEED = Number(process.env['PSS_TEST_SEED'] ?? 20);
process.stdout.write(`seed ${SEED}\n`);
const OTHER_FORMATS = ['\x1f\x8b', 'ARROW1', 'PAR1', 'PK\x03\x04', 'BZh', '\x28\xb5\x2f\xfd', '\xfd7zXZ'];
const PROPERTY = { seed: SEED, numRuns: 300 };

function store(
  text: string,
  name = 'rows.tsv',
  encode: (bytes: Buffer) => Buffer = (bytes) => bytes,
): string {
  const path = join(folder, name);
  writeFileSync(path, encode(Buffer.from(text, 'latin1')));
  return path;
}

/** Compares the addon with the plain parser, field by field. */
async function compare(
  text: string,
  changes: Partial<CriteoReaderOptions> = {},
  path = store(text),
): Promise<void> {
  const expected = parseReference(text, changes);
  const actual = await readRaw([path], changes);
  assert.equal(actual.label, expected.label);
  assert.equal(actual.sparse, changes.encoder ? numberIds(expected.sparse).ids : expected.sparse);
  assert.is(actual.dense.length, expected.dense.length);
  for (const [i, value] of actual.dense.entries()) {
    const wanted = expected.dense[i] as number;
    assert.ok(withinOneUlp(value, wanted), `dense value ${i} is ${value} instead of ${wanted}`);
  }
  const found = actual.summary.samples.map(({ line, reason }) => ({ line, reason }));
  assert.equal(found, expected.rejected.slice(0, 20));
  assert.is(actual.summary.inputs[0]?.rejected, expected.rejected.length);
  const counted = Object.values(actual.summary.rejected).reduce((sum, rows) => sum + rows, 0);
  assert.is(counted, expected.rejected.length);
}

const integer = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -3, max: 2000 }).map(String) },
  { weight: 2, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.integer().map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('-', '--1', '007', '2147483647', '2147483648', '-2147483648', '-2147483649'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('12345678', '-1234567', '1.5', '+1', ' 1', '99999999999999999999', '0x1'),
  },
);
const hex = fc.oneof(
  { weight: 12, arbitrary: fc.nat(0xffffffff).map((id) => id.toString(16).padStart(8, '0')) },
  { weight: 2, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.nat(0xffffffff).map((id) => id.toString(16)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('FFFFFFFF', 'abcDEF01', '0000000g', '123456789', 'deadbee:', '`1234567', '-1'),
  },
);
const validLine = fc
  .tuple(
    fc.constantFrom('0', '1'),
    fc.array(fc.integer({ min: -9, max: 99999 }), { minLength: 13, maxLength: 13 }),
  )
  .chain(([label, ints]) =>
    fc
      .array(fc.nat(0xffffffff), { minLength: 26, maxLength: 26 })
      .map((ids) => [label, ...ints, ...ids.map((id) => id.toString(16).padStart(8, '0'))].join('\t')),
  );
const oddLine = fc
  .tuple(
    fc.constantFrom('0', '1', '0', '1', '2', '', '01'),
    fc.array(integer, { minLength: 13, maxLength: 13 }),
    fc.array(hex, { minLength: 26, maxLength: 26 }),
  )
  .map(([label, ints, ids]) => [label, ...ints, ...ids].join('\t'));
const line = fc.oneof(
  { weight: 5, arbitrary: validLine },
  { weight: 3, arbitrary: oddLine },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 50 }).map((text) => text.replaceAll('\n', ' ')),
  },
);
const blockBytes = fc.constantFrom(1, 7, 64, 300, 1000, 1 << 20);
const jobs = fc.integer({ min: 1, max: 4 });

test('rows and faults are those of the plain parser, wherever blocks are cut and however many threads', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 40 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      blockBytes,
      jobs,
      (lines, newline, lastNewline, bytes, threads) =>
        compare(lines.join(newline) + (lastNewline ? newline : ''), { blockBytes: bytes, jobs: threads }),
    ),
    PROPERTY,
  );
});

test('flipping any bytes of valid rows never does more than reject them', async () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(validLine, { minLength: 1, maxLength: 8 }),
      damage,
      blockBytes,
      async (lines, flips, bytes) => {
        const text = Buffer.from(`${lines.join('\n')}\n`, 'latin1');
        for (const [at, byte] of flips) text[at % text.length] = byte;
        await compare(text.toString('latin1'), { blockBytes: bytes });
      },
    ),
    PROPERTY,
  );
});

test('random bytes are rejected and never crash', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 9, maxLength: 3000 }), blockBytes, async (bytes, block) => {
      const text = Buffer.from(bytes).toString('latin1');
      if (OTHER_FORMATS.some((magic) => text.startsWith(magic))) return;
      await compare(text, { blockBytes: block });
    }),
    PROPERTY,
  );
});

test('dictionary ids are those of first appearance, in every column, with any number of threads', async () => {
  const text = makeRawRows(3000, SEED);
  for (const threads of [1, 2, 5]) {
    await compare(text, { encoder: encoderIn(folder), jobs: threads, blockBytes: 5000, batchRows: 700 });
    await compare(text, { encoder: encoderIn(folder), jobs: threads, maxIndex: 97, batchRows: 64 });
  }
});

test('ids are taken modulo the largest index, at its limits as well', async () => {
  const text = makeRawRows(200, SEED + 1);
  for (const maxIndex of [1, 2, 3, 40_000_000, 2 ** 31 - 1, 2 ** 32 - 1]) await compare(text, { maxIndex });
});

test('integers are transformed by every profile to within one step of the float64 function', async () => {
  const values = [
    -2147483648, -3, -2, -1, 0, 1, 2, 3, 16383, 16384, 999999, 9999999, 10000000, 16777217, 2147483647,
  ];
  const text = values.map((value) => `1\t${Array(13).fill(value).join('\t')}${'\t'.repeat(26)}\n`).join('');
  for (const dense of ['dlrm', 'log3', 'none'] satisfies DenseProfile[]) await compare(text, { dense });
});

test('every byte is accepted as a hex digit or rejected as the plain parser does, in every place', async () => {
  const [row = ''] = makeRawRows(1, SEED + 2).split('\n');
  const head = row.split('\t').slice(0, 14).join('\t');
  const lines: string[] = [];
  for (let byte = 0; byte < 256; byte++) {
    if (byte === 10) continue;
    for (const place of [0, 3, 7]) {
      const id = `0a1b2c3d`.slice(0, place) + String.fromCharCode(byte) + '0a1b2c3d'.slice(place + 1);
      lines.push(`${head}\t${id}${'\t00000001'.repeat(25)}`, `${head}${'\t00000001'.repeat(25)}\t${id}`);
    }
  }
  for (const one of lines) assert.ok(one.length < 400);
  const text = `${lines.join('\n')}\n`;
  const expected = parseReference(text);
  const actual = await readRaw([store(text)], { batchRows: 512 });
  assert.equal(actual.sparse, expected.sparse);
  assert.is(actual.summary.inputs[0]?.rejected, expected.rejected.length);
});

test('a line beyond the limit is rejected as one line, and what follows is read', async () => {
  const rows = makeRawRows(3, SEED + 3).split('\n');
  for (const length of [99, 100, 101, 5000, 300_000]) {
    const text = [rows[0], 'x'.repeat(length), rows[1], '7'.repeat(length), rows[2]].join('\n');
    for (const bytes of [16, 128, 1 << 20]) {
      await compare(text, { blockBytes: bytes, maxLineBytes: 1000 });
      await compare(text, { blockBytes: bytes, maxLineBytes: 100 });
      await compare(text, { blockBytes: bytes });
    }
  }
});

test('a byte-order mark at the start of a file is skipped, elsewhere it is a fault', async () => {
  const mark = '\xef\xbb\xbf';
  const rows = makeRawRows(4, SEED + 4);
  for (const bytes of [1, 2, 100, 1 << 20])
    await compare(`${mark}${rows}${mark}${rows}`, { blockBytes: bytes });
});

test('gzip files of one or many members give the rows of the text inside', async () => {
  const [a, b] = [makeRawRows(500, SEED + 5), makeRawRows(400, SEED + 6)];
  const members = Buffer.concat([
    gzipSync(a.slice(0, 777)),
    gzipSync(a.slice(777)),
    gzipSync(''),
    gzipSync(b),
  ]);
  const padded = Buffer.concat([gzipSync(a + b), Buffer.alloc(512)]);
  for (const bytes of [10, 5000, 1 << 20]) {
    for (const data of [members, padded]) {
      await compare(
        a + b,
        { blockBytes: bytes },
        store('', 'rows.any-name', () => data),
      );
    }
  }
});

test('a gzip file cut anywhere gives its whole rows and one rejected row', async () => {
  const text = makeRawRows(60, SEED + 7);
  const data = gzipSync(text);
  for (let cut = 3; cut < data.length; cut += 11) {
    const path = store('', 'cut.gz', () => data.subarray(0, cut));
    const seen = new Set<string>();
    for (const bytes of [50, 1 << 20]) {
      const { label, summary } = await readRaw([path], { blockBytes: bytes });
      assert.equal(summary.rejected, { 'truncated-gzip': 1 }, `cut at ${cut}`);
      assert.ok(summary.inputs[0]?.truncated);
      assert.is(summary.samples[0]?.line, label.length + 1);
      seen.add(`${label.join('')}`);
    }
    assert.is(seen.size, 1, 'the block size makes a difference');
  }
});

test('a gzip file damaged in the middle is an error that names file and place', async () => {
  const data = gzipSync(makeRawRows(3000, SEED + 8));
  const middle = Math.floor(data.length / 2);
  data.fill(0xff, middle, middle + 40);
  const path = store('', 'damaged.gz', () => data);
  await readRaw([path]).then(
    () => assert.unreachable('damage went unnoticed'),
    (error: NodeJS.ErrnoException & { file?: string }) => {
      assert.is(error.code, 'ERR_GZIP');
      assert.is(error.file, path);
      assert.match(error.message, /damaged\.gz is corrupt at byte \d+/);
    },
  );
});

test('files follow each other, each with line numbers of its own', async () => {
  const a = store(`${makeRawRows(30, SEED + 9)}broken\n`, 'a.tsv');
  const empty = store('', 'empty.tsv');
  const b = store(`also broken\n${makeRawRows(50, SEED + 10).trimEnd()}`, 'b.tsv', (bytes) =>
    gzipSync(bytes),
  );
  for (const bytes of [100, 1 << 20]) {
    const { segments, summary, batchRows } = await readRaw([a, empty, b], {
      blockBytes: bytes,
      batchRows: 16,
    });
    const rows = [0, 0, 0];
    for (const segment of segments) rows[segment.input] = (rows[segment.input] ?? 0) + segment.rows;
    assert.equal(rows, [30, 0, 50]);
    assert.equal(batchRows, [16, 16, 16, 16, 16]);
    const found = summary.samples.map(({ input, line: at }) => [input, at]);
    assert.equal(found, [
      [0, 31],
      [2, 1],
    ]);
  }
});

test('estimates of distinct ids are within three standard errors', async () => {
  const text = makeRawRows(20_000, SEED + 11);
  const { tables } = numberIds(parseReference(text).sparse);
  const { distinct } = await readRaw([store(text)], { batchRows: 4096 });
  for (const [t, size] of distinct.entries()) {
    const actual = tables[t]?.length ?? 0;
    assert.ok(Math.abs(size - actual) <= Math.max(1, 0.025 * actual), `column ${t}: ${size} for ${actual}`);
  }
});

test.run();
