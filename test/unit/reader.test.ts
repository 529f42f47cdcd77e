import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Field, FixedSizeList, Float32, makeData, Schema, Uint8, Uint32 } from 'apache-arrow';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArrowEncoder } from '../../src/arrow/arrow-encoder.ts';
import { checkSameFacts, Dataset } from '../../src/reader/dataset.ts';
import { type ShardOptions, syntheticRows, writeShards } from '../helpers/shards.ts';

const test = suite<{ dir: string }>('reader');
const rows = syntheticRows(1000, 3);
const options: ShardOptions = { recordBatchRows: 96, batchesPerPart: 4 };

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'pss-reader-'));
});
test.after.each(({ dir }) => {
  rmSync(dir, { recursive: true, force: true });
});

async function failure(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.is((error as Error).name, 'PssError', String((error as Error).stack));
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

/** Opens a folder and reads all of it. */
async function readAll(folder: string): Promise<void> {
  const data = await Dataset.open([folder], 96);
  try {
    for (let i = 0; i < data.batchRows.length; i++) await data.readBatch(i);
  } finally {
    await data.close();
  }
}

test('delivers every row of every part, in any order of record batches', async ({ dir }) => {
  writeShards(dir, rows, options);
  const data = await Dataset.open([dir], 96);
  assert.is(data.rows, 1000);
  assert.is(
    data.clicks,
    rows.labels.reduce((a, b) => a + b, 0),
  );
  assert.equal(data.batchRows, [96, 96, 96, 96, 96, 96, 96, 96, 96, 96, 40]);
  for (const index of [10, 0, 7, 3, 4, 1, 10]) {
    const batch = await data.readBatch(index);
    const end = index * 96 + batch.rows;
    assert.equal(batch.labels, rows.labels.subarray(index * 96, end));
    assert.equal(batch.dense, rows.dense.subarray(index * 96 * 13, end * 13));
    assert.equal(batch.sparse, rows.sparse.subarray(index * 96 * 26, end * 26));
  }
  await data.verifyChecksums();
  await data.close();
});

test('joins folders in the order given', async ({ dir }) => {
  const more = syntheticRows(100, 4);
  writeShards(join(dir, 'a'), rows, options);
  writeShards(join(dir, 'b'), more, { ...options, manifest: { distinct: Array(26).fill(200) } });
  const data = await Dataset.open([join(dir, 'a'), join(dir, 'b')], 96);
  assert.is(data.rows, 1100);
  assert.equal((await data.readBatch(11)).labels, more.labels.subarray(0, 96));
  assert.equal(data.facts.distinct, Array(26).fill(200));
  assert.is(data.manifestHashes.length, 2);
  await data.close();
});

test('refuses folders that were not prepared alike, naming the difference', async ({ dir }) => {
  writeShards(join(dir, 'a'), rows, options);
  const sizes = Array(26).fill(50);
  for (const [key, manifest] of [
    ['profile', { profile: 'none' }],
    ['ids', { ids: 'vocab', tableSizes: sizes }],
  ] as const) {
    writeShards(join(dir, 'b'), rows, { ...options, manifest });
    const message = await failure(() => Dataset.open([join(dir, 'a'), join(dir, 'b')], 96));
    assert.match(message, `differ in ${key};`);
    assert.match(message, join(dir, 'b'));
  }
});

test('refuses a folder without a manifest, and manifests that are broken or contradict themselves', async ({
  dir,
}) => {
  assert.match(await failure(() => Dataset.open([dir])), /manifest\.json can't be read \(there is none\)/);
  const path = join(dir, 'manifest.json');
  writeFileSync(path, '{"schemaVersion": 1');
  assert.match(await failure(() => Dataset.open([dir])), /manifest\.json isn't JSON/);
  for (const [manifest, expected] of [
    [{ rows: 999 }, /says 999 rows, but its files have 1000/],
    [{ clicks: 2000 }, /2000 clicks in 1000 rows/],
    [{ schemaVersion: 2 }, /wrong at schemaVersion/],
    [{ ids: 'vocab' }, /ids: vocab but no tableSizes/],
    [{ rows: 0, files: [] }, /describes no rows/],
  ] as const) {
    writeShards(dir, rows, { ...options, manifest });
    assert.match(await failure(() => Dataset.open([dir], 96)), expected);
  }
});

test('refuses parts that are missing, cut off or longer than the manifest says', async ({ dir }) => {
  writeShards(dir, rows, options);
  const part = join(dir, 'part-00001.arrow');
  appendFileSync(part, 'x');
  assert.match(await failure(() => Dataset.open([dir], 96)), /part-00001\.arrow has \d+ bytes instead of/);
  truncateSync(part, 5000);
  assert.match(await failure(() => Dataset.open([dir], 96)), /part-00001\.arrow has 5000 bytes instead of/);
  rmSync(part);
  assert.match(
    await failure(() => Dataset.open([dir], 96)),
    /part-00001\.arrow .*can't be opened \(there is no such file or folder\)/,
  );
});

test('a file cut off while it is open ends in an error, not in waiting', async ({ dir }) => {
  writeShards(dir, rows, options);
  const data = await Dataset.open([dir], 96);
  await data.readBatch(0);
  truncateSync(join(dir, 'part-00000.arrow'), 20_000);
  assert.match(await failure(() => data.readBatch(3)), /part-00000\.arrow .*(ends at byte|can't be read)/);
  await data.close();
});

test('refuses parts whose rows, record batches or labels are not what the manifest says', async ({ dir }) => {
  writeShards(dir, rows, { ...options, recordBatchRows: 90 });
  assert.match(await failure(() => readAll(dir)), /rows in record batch 0 instead of 96/);
  writeShards(dir, rows, { ...options, recordBatchRows: 50, batchesPerPart: 8 });
  assert.match(await failure(() => readAll(dir)), /8 record batches instead of 5/);
  const labels = rows.labels.slice();
  labels[400] = 7;
  writeShards(dir, { ...rows, labels }, { ...options, manifest: { clicks: 500 } });
  assert.match(await failure(() => readAll(dir)), /part-00001\.arrow has label 7 in row 16,/);
});

test('refuses Arrow files with other columns and files that are no Arrow files', async ({ dir }) => {
  writeShards(dir, rows, { ...options, batchesPerPart: 100 });
  const part = join(dir, 'part-00000.arrow');
  const replacePart = (bytes: Buffer) => {
    const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
    manifest.files[0].sizeBytes = bytes.length;
    writeFileSync(part, bytes);
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
  };
  replacePart(Buffer.alloc(4096, 'no arrow '));
  assert.match(await failure(() => Dataset.open([dir], 96)), /part-00000\.arrow .*Arrow/);
  const bytes = readFileSync(part);
  for (const [fields, expected] of [
    [[new Field('label', new Uint8(), false)], /has columns label instead of label, dense, sparse/],
    [
      [
        new Field('label', new Uint8(), false),
        new Field('dense', new Float32(), false),
        new Field('sparse', new FixedSizeList(26, new Field('item', new Uint32(), false)), false),
      ],
      /has dense: Float32 instead of/,
    ],
  ] as const) {
    const encoder = new ArrowEncoder(new Schema([...fields] as Field[]));
    const empty = { label: makeData({ type: new Uint8(), length: 0, nullCount: 0, data: new Uint8Array() }) };
    const chunks = fields.length === 1 ? encoder.encode(empty, 0) : [];
    replacePart(Buffer.concat([...chunks, ...encoder.finish()]));
    assert.match(await failure(() => Dataset.open([dir], 96)), expected);
  }
  assert.ok(bytes.length > 0);
});

test('random damage to a part is refused with a sentence or changes nothing but values', async ({ dir }) => {
  writeShards(dir, rows, { ...options, batchesPerPart: 100 });
  const part = join(dir, 'part-00000.arrow');
  const whole = readFileSync(part);
  for (
    let place = 0;
    place < whole.length;
    place += place < 2000 || place > whole.length - 2000 ? 61 : 9973
  ) {
    const bytes = Buffer.from(whole);
    bytes[place] = (bytes[place] as number) ^ 0xff;
    writeFileSync(part, bytes);
    try {
      await readAll(dir);
    } catch (error) {
      assert.is((error as Error).name, 'PssError', `byte ${place}: ${(error as Error).stack}`);
    }
  }
});

test('verifying checksums finds a changed value that keeps the size', async ({ dir }) => {
  writeShards(dir, rows, options);
  const part = join(dir, 'part-00000.arrow');
  const bytes = readFileSync(part);
  bytes[3000] = (bytes[3000] as number) ^ 1;
  writeFileSync(part, bytes);
  const data = await Dataset.open([dir], 96);
  assert.match(await failure(() => data.verifyChecksums()), /part-00000\.arrow differs from its checksum/);
  await data.close();
});

test('data of another vocabulary than the model is refused by name', () => {
  const facts = {
    numDense: 13,
    numTables: 2,
    ids: 'vocab',
    denseProfile: 'dlrm',
    tableSizes: [3, 4],
  } as const;
  checkSameFacts(facts, { ...facts }, 'x');
  assert.throws(
    () => checkSameFacts(facts, { ...facts, tableSizes: [3, 5] }, 'The data of data.eval'),
    /vocabulary/,
  );
  assert.throws(
    () => checkSameFacts(facts, { ...facts, denseProfile: 'none' }, 'x'),
    /denseProfile is none, not dlrm/,
  );
});

test.run();
