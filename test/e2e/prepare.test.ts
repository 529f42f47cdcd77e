import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { RecordBatchReader, tableFromIPC } from 'apache-arrow';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Manifest, manifestSchema } from '../../src/manifest/manifest.ts';
import { prepare } from '../../src/prepare/prepare.ts';
import type { PrepareOptions } from '../../src/prepare/prepare-options.ts';
import { numberIds, parseReference } from '../helpers/criteo-reference.ts';
import { makeRawRows } from '../helpers/criteo-rows.ts';
import { fingerprint } from '../helpers/fingerprint.ts';
import { runPss } from '../helpers/run-pss.ts';
import { missingShared, sharedPath } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('prepare');
const folder = temporaryFolder();
const SEED = 31;
const quiet = { info: () => {}, warn: () => {}, progress: () => ({ update: () => {}, stop: () => {} }) };
let made = 0;

async function prepareTo(
  options: Omit<PrepareOptions, 'out'>,
): Promise<{ out: string; manifests: Manifest[] }> {
  const out = join(folder, `out-${made++}`);
  return { out, manifests: await prepare({ ...options, out }, quiet) };
}

function readManifest(path: string): Manifest {
  return manifestSchema.parse(JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')));
}

/** All rows of a prepared folder, after checking its files against its manifest. */
function readShards(path: string): { label: number[]; dense: number[]; sparse: number[] } {
  const manifest = readManifest(path);
  const rows = { label: [] as number[], dense: [] as number[], sparse: [] as number[] };
  for (const [i, file] of manifest.files.entries()) {
    assert.is(file.name, `part-${String(i).padStart(5, '0')}.arrow`);
    const bytes = readFileSync(join(path, file.name));
    assert.is(bytes.length, file.sizeBytes);
    assert.is(createHash('sha256').update(bytes).digest('hex'), file.sha256);
    const table = tableFromIPC(bytes);
    assert.is(table.numRows, file.rows);
    const types = table.schema.fields.map(
      ({ name, type, nullable }) => `${name}: ${type}${nullable ? '?' : ''}`,
    );
    assert.equal(types, [
      'label: Uint8',
      'dense: FixedSizeList[13]<Float32>',
      'sparse: FixedSizeList[26]<Uint32>',
    ]);
    for (const { data, numRows } of table.batches) {
      const [label, dense, sparse] = data.children;
      // Buffers are padded to eight bytes.
      for (const value of label?.values.subarray(0, numRows) ?? []) rows.label.push(value);
      for (const value of dense?.children[0]?.values.subarray(0, numRows * 13) ?? []) rows.dense.push(value);
      for (const value of sparse?.children[0]?.values.subarray(0, numRows * 26) ?? [])
        rows.sparse.push(value);
    }
  }
  assert.is(rows.label.length, manifest.rows);
  assert.is(rows.label.filter((label) => label === 1).length, manifest.clicks);
  return rows;
}

const small = join(folder, 'small.tsv');
const smallText = makeRawRows(3000, SEED);
writeFileSync(small, smallText);
// More than two record batches, so that batches, spooling and staging all have to carry over.
const large = join(folder, 'large.tsv');
const largeText = makeRawRows(150_000, SEED + 1);
writeFileSync(large, largeText);
const largeRows = parseReference(largeText, { dense: 'none' });

test('shards hold the rows of the input in its order, in full record batches', async () => {
  const { out, manifests } = await prepareTo({ inputs: [large], dense: 'none' });
  assert.equal(readShards(out), { label: largeRows.label, dense: largeRows.dense, sparse: largeRows.sparse });
  const reader = RecordBatchReader.from(readFileSync(join(out, 'part-00000.arrow')));
  assert.equal(
    [...reader].map((batch) => batch.numRows),
    [65_536, 65_536, 18_928],
  );
  assert.equal(manifests, [readManifest(out)]);
  assert.equal(readdirSync(out).sort(), ['manifest.json', 'part-00000.arrow']);
});

test('the same input gives the same bytes with any number of threads, from text, gzip or standard input', async () => {
  const zipped = join(folder, 'large.tsv.gz');
  writeFileSync(zipped, gzipSync(largeText, { level: 1 }));
  for (const split of ['tail:0.3', 'kaggle-random:3']) {
    const options = { ids: 'vocab', split } as const;
    const one = fingerprint((await prepareTo({ inputs: [large], jobs: 1, ...options })).out);
    const many = fingerprint(
      (await prepareTo({ inputs: [large], jobs: 7, blockBytes: 3000, ...options })).out,
    );
    assert.equal(many, one);
    const { out } = await prepareTo({ inputs: [zipped], ...options });
    const {
      'train/manifest.json': _,
      'test/manifest.json': __,
      'validation/manifest.json': ___,
      ...shards
    } = fingerprint(out);
    for (const [name, hash] of Object.entries(shards)) assert.is(hash, one[name], name);
  }
  const out = join(folder, 'from-stdin');
  const run = runPss(['prepare', '-', '--out', out, '--dense', 'none'], { input: largeText });
  assert.is(run.code, 0, run.stderr);
  assert.equal(readShards(out).sparse, largeRows.sparse);
});

test('splits share out every row once, in order, across record batches and the spool', async () => {
  for (const [split, sizes] of [
    ['head:70001', [70_001, 79_999]],
    ['tail:0.3', [105_000, 45_000]],
    ['kaggle-chronological', [128_572, 10_714, 10_714]],
  ] as const) {
    const { out, manifests } = await prepareTo({ inputs: [large], dense: 'none', split });
    assert.equal(
      manifests.map(({ rows }) => rows),
      sizes,
    );
    const parts = manifests.map((manifest) => readShards(join(out, manifest.split)));
    assert.equal(
      parts.flatMap(({ sparse }) => sparse),
      largeRows.sparse,
    );
    assert.equal(
      parts.flatMap(({ label }) => label),
      largeRows.label,
    );
    assert.equal(readdirSync(out).sort(), manifests.map((manifest) => manifest.split).sort());
  }
});

test('the Terabyte split halves the last day and trains on the others', async () => {
  const days = join(folder, 'days');
  mkdirSync(days);
  const rows = smallText.split('\n').slice(0, 24 * 5);
  for (let day = 0; day < 24; day++)
    writeFileSync(join(days, `day_${day}`), rows.slice(day * 5, day * 5 + 5).join('\n'));
  const { out, manifests } = await prepareTo({ inputs: [days], split: 'tb-mlperf' });
  assert.equal(
    manifests.map(({ split, rows: count }) => [split, count]),
    [
      ['train', 115],
      ['test', 3],
      ['validation', 2],
    ],
  );
  const whole = parseReference(rows.join('\n'));
  const parts = manifests.map((manifest) => readShards(join(out, manifest.split)).sparse);
  assert.equal(parts.flat(), whole.sparse);
});

test('dictionary ids come with their dictionary, one for all splits', async () => {
  const { out, manifests } = await prepareTo({
    inputs: [small],
    ids: 'vocab',
    maxIndex: 1000,
    split: 'head:2000',
  });
  const { ids, tables } = numberIds(parseReference(smallText, { maxIndex: 1000 }).sparse);
  assert.equal([...readShards(join(out, 'train')).sparse, ...readShards(join(out, 'test')).sparse], ids);
  for (const manifest of manifests) {
    assert.equal(
      manifest.tableSizes,
      tables.map((table) => table.length),
    );
    assert.is(manifest.vocabulary?.name, '../vocabulary.arrow');
  }
  const bytes = readFileSync(join(out, 'vocabulary.arrow'));
  assert.is(createHash('sha256').update(bytes).digest('hex'), manifests[0]?.vocabulary?.sha256);
  const table = tableFromIPC(bytes);
  const [column, id, value] = ['column', 'id', 'value'].map(
    (name) => table.getChild(name)?.toArray() as Uint32Array,
  );
  assert.equal([...(value as Uint32Array)], tables.flat());
  assert.equal(
    [...(column as Uint32Array)],
    tables.flatMap((entries, t) => entries.map(() => t)),
  );
  assert.equal(
    [...(id as Uint32Array)],
    tables.flatMap((entries) => entries.map((_, i) => i)),
  );
});

test('rejected rows are counted, and sampled with file and line', async () => {
  const bad = join(folder, 'bad.tsv');
  writeFileSync(bad, `${smallText}1\t2\nx${smallText.slice(1, 400)}`);
  const { manifests } = await prepareTo({ inputs: [small, bad], maxBadRows: '20' });
  const { rejected, inputs, rows } = manifests[0] as Manifest;
  assert.equal(rejected.samples[0], { file: bad, line: 3001, reason: 'columns', excerpt: '1\t2' });
  assert.equal(rejected.samples[1], { file: bad, line: 3002, reason: 'label', excerpt: `x` });
  assert.equal(inputs[0], { name: small, rows: 3000, rejected: 0 });
  assert.is(rows, (inputs[0]?.rows ?? 0) + (inputs[1]?.rows ?? 0));
  assert.is(
    rejected.rows,
    Object.values(rejected.byReason).reduce((sum, count) => sum + count, 0),
  );
});

testUnless(
  test,
  missingShared('golden', 'robe-z16', 'rows.tsv'),
  'reference rows have the reference table sizes',
  async () => {
    for (const name of ['robe-z16', 'full']) {
      const inputs = [sharedPath('golden', name, 'rows.tsv')];
      const { manifests } = await prepareTo({ inputs, ids: 'vocab', split: 'head:2560' });
      const expected = JSON.parse(
        readFileSync(sharedPath('golden', name, 'expected.json'), 'utf8'),
      ) as Manifest;
      for (const manifest of manifests) assert.equal(manifest.tableSizes, expected.tableSizes);
      assert.equal(
        manifests.map(({ rows }) => rows),
        [2560, 440],
      );
    }
  },
);

testUnless(
  test,
  missingShared('data', 'criteo-kaggle-10k.tsv'),
  'real rows are all accepted, in every mode',
  async () => {
    for (const [name, clicks] of [
      ['criteo-kaggle-10k.tsv', 2182],
      ['criteo-tb-day0-10k.tsv', 265],
    ] as const) {
      const text = readFileSync(sharedPath('data', name), 'latin1');
      for (const dense of ['dlrm', 'log3', 'none'] as const) {
        const expected = parseReference(text, { dense });
        for (const ids of ['raw', 'vocab'] as const) {
          const { out, manifests } = await prepareTo({
            inputs: [sharedPath('data', name)],
            ids,
            dense,
            maxBadRows: '0',
          });
          assert.equal([manifests[0]?.rows, manifests[0]?.clicks], [10_000, clicks]);
          assert.equal(
            readShards(out).sparse,
            ids === 'raw' ? expected.sparse : numberIds(expected.sparse).ids,
          );
        }
      }
    }
  },
);

test('an empty folder given as output is filled', async () => {
  const out = join(folder, 'empty-out');
  mkdirSync(out);
  await prepare({ inputs: [small], out }, quiet);
  assert.ok(existsSync(join(out, 'manifest.json')));
});

test.run();
