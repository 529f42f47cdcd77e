import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BatchStream } from '../../src/batch/batch-stream.ts';
import { orderRows, planEpoch, type Shuffle } from '../../src/batch/epoch-plan.ts';
import type { RecordBatchSource } from '../../src/batch/window-buffer.ts';

const test = suite('batch stream');
const SHUFFLES = ['none', 'batches', 'rows'] as const;

/** Rows that can be told apart: the ids of row r are r·10 and r·10+1, its dense value is r, its label r mod 2. */
function numberedSource(batchRows: readonly number[]): RecordBatchSource & { reads: number[] } {
  const starts = batchRows.map((_, i) => batchRows.slice(0, i).reduce((a, b) => a + b, 0));
  const reads: number[] = [];
  return {
    facts: { numDense: 1, numTables: 2 },
    rows: batchRows.reduce((a, b) => a + b, 0),
    batchRows,
    reads,
    readBatchInto: async (index, { rows, labels, dense, sparse }) => {
      reads.push(index);
      assert.is(rows, batchRows[index]);
      const first = starts[index] as number;
      for (let i = 0; i < rows; i++) {
        labels[i] = (first + i) % 2;
        dense[i] = first + i;
        sparse.set([(first + i) * 10, (first + i) * 10 + 1], 2 * i);
      }
    },
  };
}

interface Case {
  readonly batchRows: readonly number[];
  readonly batchSize: number;
  readonly maxBatches: number;
  readonly shuffle: Shuffle;
  readonly windowRows: number;
}

/** The rows delivered, one list for each epoch; checks that a row's columns stay together. */
async function drain(c: Case, epochs: number, from = { epoch: 0, row: 0 }, sizes = [c.maxBatches]) {
  const stream = new BatchStream(numberedSource(c.batchRows), { ...c, seed: 5, epochs });
  stream.seek(from.epoch, from.row);
  const seen: number[][] = [];
  for (let call = 0; ; call++) {
    const batch = await stream.read(sizes[call % sizes.length]);
    if (!batch) break;
    const rows = [...batch.dense];
    assert.is(batch.batches, Math.ceil(batch.rows / c.batchSize));
    rows.forEach((row, i) => {
      assert.is(batch.labels[i], row % 2);
      assert.equal([...batch.sparse.subarray(2 * i, 2 * i + 2)], [row * 10, row * 10 + 1]);
    });
    seen[batch.epoch] ??= [];
    if (batch.epoch !== from.epoch) assert.is((seen[batch.epoch] as number[]).length, batch.firstRow);
    (seen[batch.epoch] as number[]).push(...rows);
  }
  await stream.close();
  return seen;
}

const cases: fc.Arbitrary<Case> = fc.record({
  batchRows: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }),
  batchSize: fc.integer({ min: 1, max: 9 }),
  maxBatches: fc.integer({ min: 1, max: 4 }),
  shuffle: fc.constantFrom(...SHUFFLES),
  windowRows: fc.integer({ min: 1, max: 30 }),
});

test('every epoch delivers every row once, in an order of its own when shuffled', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (c) => {
      const rows = c.batchRows.reduce((a, b) => a + b, 0);
      const epochs = await drain(c, 3);
      assert.is(epochs.length, 3);
      for (const epoch of epochs) {
        assert.equal(
          [...epoch].sort((a, b) => a - b),
          Array.from({ length: rows }, (_, i) => i),
        );
      }
      if (c.shuffle === 'none') assert.equal(epochs[0], epochs[1]);
    }),
    { seed: 11, numRuns: 200 },
  );
  const shuffled = await drain(
    { batchRows: [40, 40], batchSize: 8, maxBatches: 1, shuffle: 'rows', windowRows: 80 },
    2,
  );
  assert.is.not(shuffled[0]?.join(), shuffled[1]?.join());
});

test('seeking to any batch goes on exactly as the uninterrupted stream, however it is cut into superbatches', async () => {
  await fc.assert(
    fc.asyncProperty(
      cases,
      fc.nat(),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1 }),
      async (c, at, sizes) => {
        const whole = await drain(c, 3);
        const batches = Math.ceil((whole[1] as number[]).length / c.batchSize);
        const row = (at % batches) * c.batchSize;
        const rest = await drain(c, 3, { epoch: 1, row }, sizes);
        assert.equal(rest[1], whole[1]?.slice(row));
        assert.equal(rest[2], whole[2]);
      },
    ),
    { seed: 12, numRuns: 200 },
  );
});

test('seeking reads no window before the place sought', async () => {
  const source = numberedSource([4, 4, 4, 4]);
  const stream = new BatchStream(source, {
    batchSize: 2,
    maxBatches: 1,
    shuffle: 'none',
    seed: 1,
    epochs: 1,
  });
  stream.seek(0, 10);
  assert.equal([...((await stream.read())?.dense ?? [])], [10, 11]);
  await stream.close();
  assert.equal(source.reads, [2, 3]);
});

test('a superbatch stays as it is until the second read after it', async () => {
  const source = numberedSource([6, 6, 6]);
  const stream = new BatchStream(source, {
    batchSize: 2,
    maxBatches: 2,
    shuffle: 'rows',
    windowRows: 6,
    seed: 1,
  });
  let before: { rows: Float32Array; copy: number[] } | undefined;
  for (let i = 0; i < 20; i++) {
    const batch = await stream.read();
    if (before) assert.equal([...before.rows], before.copy);
    before = { rows: batch?.dense as Float32Array, copy: [...(batch?.dense ?? [])] };
  }
  await stream.close();
});

test('shuffling batches keeps the rows of a batch together and in order', () => {
  const window = { index: 3, batches: [0], firstRow: 0, rows: 23 };
  const order = [...(orderRows(window, 'batches', 5, 1, 0) as Uint32Array)];
  for (let block = 0; block < 4; block++) {
    const rows = order.slice(block * 5, block * 5 + 5);
    assert.is((rows[0] as number) % 5, 0);
    assert.equal(
      rows,
      Array.from({ length: 5 }, (_, i) => (rows[0] as number) + i),
    );
  }
  assert.equal(order.slice(20), [20, 21, 22]);
});

test('windows hold at most the rows asked for, or one record batch', () => {
  for (const window of planEpoch([10, 10, 10, 5, 40], 'rows', 25, 1, 0)) {
    assert.ok(window.rows <= 25 || window.batches.length === 1);
  }
  assert.is(planEpoch([10, 10, 10], 'rows', 30, 1, 0).length, 1);
});

test('a failing read is reported by the read that needs it and leaves no unhandled rejection', async () => {
  const source = numberedSource([4, 4, 4]);
  const failing: RecordBatchSource = {
    ...source,
    readBatchInto: (index, out) =>
      index === 2 ? Promise.reject(new Error('disk on fire')) : source.readBatchInto(index, out),
  };
  const stream = new BatchStream(failing, {
    batchSize: 4,
    maxBatches: 1,
    shuffle: 'none',
    seed: 1,
    epochs: 1,
  });
  await stream.read();
  await stream.read();
  try {
    await stream.read();
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'disk on fire');
  }
  await stream.close();
});

test.run();
