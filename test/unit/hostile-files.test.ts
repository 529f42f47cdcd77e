import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { PssError } from '../../src/errors.ts';
import { Dataset } from '../../src/reader/dataset.ts';
import { syntheticRows, writeShards } from '../helpers/shards.ts';

const test = suite<{ dir: string }>('hostile files');

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'pss-hostile-'));
});
test.after.each(({ dir }) => {
  rmSync(dir, { recursive: true, force: true });
});

const rows = syntheticRows(500, 3);
const BATCH_ROWS = 96;

/** Reads everything; what goes wrong must be said in a sentence for a person. */
async function readAll(folder: string): Promise<string | undefined> {
  return sentence(async () => {
    const data = await Dataset.open([folder], BATCH_ROWS);
    try {
      for (let i = 0; i < data.batchRows.length; i++) await data.readBatch(i);
    } finally {
      await data.close();
    }
  });
}

async function sentence(work: () => Promise<unknown>): Promise<string | undefined> {
  const before = process.memoryUsage.rss();
  try {
    await work();
    return undefined;
  } catch (error) {
    assert.instance(error, PssError, (error as Error).stack);
    return (error as Error).message;
  } finally {
    const grown = process.memoryUsage.rss() - before;
    assert.ok(grown < 100e6, `memory grew by ${grown} bytes`);
  }
}

/** Changes one field of the manifest's only file, or of the manifest itself. */
function lie(
  folder: string,
  change: (manifest: Record<string, unknown>, file: Record<string, unknown>) => void,
) {
  const path = join(folder, 'manifest.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  change(manifest, manifest.files[0]);
  writeFileSync(path, JSON.stringify(manifest));
}

test('a shard cut at every hundredth of its length is refused, whether the manifest knows of it or not', async ({
  dir,
}) => {
  writeShards(dir, rows, { recordBatchRows: BATCH_ROWS });
  const part = join(dir, 'part-00000.arrow');
  const whole = readFileSync(part);
  for (let percent = 0; percent < 100; percent++) {
    const size = Math.floor((whole.length * percent) / 100);
    writeFileSync(part, whole.subarray(0, size));
    lie(dir, (_, file) => {
      file['sizeBytes'] = whole.length;
    });
    assert.match((await readAll(dir)) ?? '', `part-00000.arrow has ${size} bytes instead of`);
    lie(dir, (_, file) => {
      file['sizeBytes'] = size;
    });
    assert.match((await readAll(dir)) ?? 'nothing was said', /part-00000\.arrow/, `cut at ${percent}%`);
  }
});

test('a manifest that lies is refused by name, and allocates nothing for what it claims', async ({ dir }) => {
  const lies: [key: string, value: unknown, expected: RegExp][] = [
    ['rows', 2 ** 52, /part-00000\.arrow has 6 record batches instead of 46912496118443/],
    ['rows', -1, /manifest\.json is wrong at rows/],
    ['rows', 1.5, /manifest\.json is wrong at rows/],
    ['rows', 499, /part-00000\.arrow has 20 rows in record batch 5 instead of 19/],
    ['rows', 5000, /part-00000\.arrow has 6 record batches instead of 53/],
    ['sizeBytes', 2 ** 53, /manifest\.json is wrong at files\.0\.sizeBytes/],
    ['sizeBytes', 1000, /part-00000\.arrow has \d+ bytes instead of the manifest's 1000/],
    ['sha256', 'x', /manifest\.json is wrong at files\.0\.sha256/],
    ['name', '', /manifest\.json is wrong at files\.0\.name/],
    [
      'name',
      'gone.arrow',
      /gone\.arrow is named in the manifest but can't be opened \(there is no such file or folder\)/,
    ],
  ];
  for (const [key, value, expected] of lies) {
    writeShards(dir, rows, { recordBatchRows: BATCH_ROWS });
    lie(dir, (manifest, file) => {
      file[key] = value;
      if (key === 'rows') manifest['rows'] = value;
    });
    assert.match((await readAll(dir)) ?? 'nothing was said', expected);
  }
  writeShards(dir, rows, { recordBatchRows: BATCH_ROWS, batchesPerPart: 3 });
  lie(dir, (manifest) => {
    const [first, second] = manifest['files'] as { rows: number }[];
    if (second) second.rows = 2 ** 52;
    manifest['rows'] = (first?.rows ?? 0) + 2 ** 52;
  });
  assert.match(
    (await readAll(dir)) ?? '',
    /part-00001\.arrow has 4503599627370496 rows, too many for its \d+ bytes/,
  );
  writeShards(dir, rows, { recordBatchRows: BATCH_ROWS });
  lie(dir, (_, file) => {
    file['sha256'] = '0'.repeat(64);
  });
  const data = await Dataset.open([dir], BATCH_ROWS);
  assert.match((await sentence(() => data.verifyChecksums())) ?? '', /differs from its checksum/);
  await data.close();
});

test('folders in the place of files are refused', async ({ dir }) => {
  writeShards(dir, rows, { recordBatchRows: BATCH_ROWS });
  rmSync(join(dir, 'part-00000.arrow'));
  mkdirSync(join(dir, 'part-00000.arrow'));
  assert.match((await readAll(dir)) ?? '', /part-00000\.arrow/);
  rmSync(join(dir, 'manifest.json'));
  mkdirSync(join(dir, 'manifest.json'));
  assert.match((await readAll(dir)) ?? '', /manifest\.json can't be read \(this is a folder/);
  assert.match((await sentence(() => describeSafetensors(dir))) ?? '', /isn't a file/);
});

test('safetensors headers that claim more than there is are refused at once', async ({ dir }) => {
  const path = join(dir, 'model.safetensors');
  const prefix = Buffer.alloc(8);
  for (const size of [2n ** 63n, 2n ** 64n - 1n, 2n ** 32n, 100_000_001n, 9n]) {
    prefix.writeBigUInt64LE(size);
    writeFileSync(path, prefix);
    appendFileSync(path, '{}      ');
    assert.match(
      (await sentence(() => describeSafetensors(path))) ?? '',
      `says its header has ${size} bytes`,
    );
  }
  const write = async (header: unknown) => {
    const json = Buffer.from(JSON.stringify(header));
    prefix.writeBigUInt64LE(BigInt(json.length));
    writeFileSync(path, Buffer.concat([prefix, json]));
  };
  for (const [shape, offsets] of [
    [[2 ** 40], [0, 2 ** 42]],
    [[2 ** 53 - 1], [0, 2 ** 53 - 1]],
    [
      [2 ** 31, 2 ** 31, 2 ** 31],
      [0, 0],
    ],
    [[-1], [0, -4]],
    [[0], [2 ** 50, 2 ** 50]],
  ]) {
    await write({ weight: { dtype: 'F32', shape, data_offsets: offsets } });
    assert.ok(await sentence(() => describeSafetensors(path)), `shape ${shape} was accepted`);
  }
});

test('safetensors cut at every hundredth of their length are refused', async ({ dir }) => {
  const path = join(dir, 'model.safetensors');
  const tensors = [{ name: 'embedding.memory', shape: [1000], size: 1000 }];
  await writeSafetensors(path, tensors, {}, { read: async (_name, _offset, out) => void out.fill(1) });
  const whole = readFileSync(path);
  for (let percent = 0; percent < 100; percent++) {
    writeFileSync(path, whole.subarray(0, Math.floor((whole.length * percent) / 100)));
    assert.ok(await sentence(() => describeSafetensors(path)), `cut at ${percent}%`);
  }
});

test.run();
