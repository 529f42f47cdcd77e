import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RecordBatchReader } from 'apache-arrow';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BATCH_ROWS, copyRows, createRowBuffer } from '../../src/prepare/row-buffer.ts';
import { RowSpool } from '../../src/prepare/row-spool.ts';
import { ShardWriter } from '../../src/prepare/shard-writer.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('shard files');

test('a new part begins after sixteen record batches', async () => {
  const folder = join(temporaryFolder(), 'shards');
  const writer = await ShardWriter.create(folder);
  const rows = createRowBuffer(BATCH_ROWS);
  rows.label.fill(1);
  for (let batch = 0; batch < 16; batch++) await writer.append(rows, 0, BATCH_ROWS);
  await writer.append(rows, 5, 12);
  const shards = await writer.finish();
  assert.equal(
    shards.files.map(({ name, rows: count }) => [name, count]),
    [
      ['part-00000.arrow', 1_048_576],
      ['part-00001.arrow', 7],
    ],
  );
  assert.equal([shards.rows, shards.clicks], [1_048_583, 1_048_583]);
  assert.equal(readdirSync(folder).sort(), ['part-00000.arrow', 'part-00001.arrow']);
  const batches = [...RecordBatchReader.from(readFileSync(join(folder, 'part-00000.arrow')))];
  assert.equal(
    batches.map(({ numRows }) => numRows),
    Array(16).fill(BATCH_ROWS),
  );
});

test('runs of any length are copied whole and nowhere else', () => {
  const source = createRowBuffer(64);
  for (const column of Object.values(source))
    for (let i = 0; i < column.length; i++) column[i] = (i % 250) + 1;
  for (const length of [1, 2, 15, 16, 40]) {
    const target = createRowBuffer(64);
    copyRows(target, 3, source, 7, 7 + length);
    for (const [name, width] of [
      ['label', 1],
      ['dense', 13],
      ['sparse', 26],
    ] as const) {
      const wanted = Array(64 * width).fill(0) as number[];
      for (let i = 0; i < length * width; i++) wanted[3 * width + i] = source[name][7 * width + i] as number;
      assert.equal([...target[name]], wanted);
    }
  }
});

test('the spool gives rows back in order, and can be opened again as it was', async () => {
  const folder = join(temporaryFolder(), 'waiting');
  const spool = await RowSpool.open(folder);
  const rows = createRowBuffer(10);
  for (let i = 0; i < 260; i++) rows.sparse[i] = i;
  await spool.push(rows, 0, 3);
  await spool.push(rows, 3, 10);
  const before = spool.state;
  await spool.push(rows, 0, 10);
  assert.is(spool.frontRows, 3);
  assert.equal([...((await spool.shift())?.sparse ?? [])], [...rows.sparse.subarray(0, 78)]);
  // What was taken is still there as long as nobody says that it may go; what came later is gone.
  const again = await RowSpool.open(folder, before);
  assert.equal(readdirSync(folder).sort(), ['0', '1']);
  assert.equal([...((await again.shift())?.sparse ?? [])], [...rows.sparse.subarray(0, 78)]);
  await again.forget();
  assert.equal([...((await again.shift())?.sparse ?? [])], [...rows.sparse.subarray(78)]);
  assert.is(again.frontRows, 0);
  await again.forget();
  assert.equal(readdirSync(folder), []);
});

test.run();
