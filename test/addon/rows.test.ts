import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../src/addon/load.ts';
import { allocateRows } from '../../src/reader/rows.ts';
import { permutationDefinition } from '../helpers/permutation-definition.ts';

const test = suite('rows');
const { gatherRows, permutation } = loadAddon();

test('a permutation is the one that its definition gives, for any seed and stream', () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 700 }),
      fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      fc.tuple(word, word, word),
      (length, seed, stream) => {
        assert.equal(permutation(length, seed, stream), permutationDefinition(length, seed, stream));
      },
    ),
    { seed: 3, numRuns: 200 },
  );
});

test('a permutation holds every place once and depends on seed and stream alone', () => {
  for (const length of [0, 1, 2, 3, 5, 1000]) {
    const order = permutation(length, 7, [1, 2, 3]);
    assert.equal(
      [...order].sort((a, b) => a - b),
      Array.from({ length }, (_, i) => i),
    );
    assert.equal(order, permutation(length, 7, [1, 2, 3]));
  }
  const one = permutation(1000, 7, [1, 2, 3]);
  assert.is.not(one.join(), permutation(1000, 8, [1, 2, 3]).join());
  assert.is.not(one.join(), permutation(1000, 7, [1, 2, 4]).join());
  assert.is.not(one.join(), permutation(1000, 7 + 2 ** 32, [1, 2, 3]).join());
});

test('every place is equally likely', () => {
  const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
  const draws = 4000;
  for (let stream = 0; stream < draws; stream++) {
    permutation(4, 1, [stream, 0, 0]).forEach((value, place) => {
      const row = counts[place] as number[];
      row[value] = (row[value] as number) + 1;
    });
  }
  for (const share of counts.flat()) {
    assert.ok(Math.abs(share / draws - 0.25) < 0.03, `one of four places was hit in ${share} of ${draws}`);
  }
});

test('rows are gathered in any order, to any place, and nothing else is written', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 80 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 0, max: 5 }),
      fc.array(fc.nat(), { maxLength: 100 }),
      (count, numDense, numTables, to, picks) => {
        const rows = allocateRows(count, numDense, numTables);
        rows.labels.set(rows.labels.map((_, i) => i % 2));
        rows.dense.set(rows.dense.map((_, i) => i + 0.5));
        rows.sparse.set(rows.sparse.map((_, i) => i * 7));
        const order = Uint32Array.from(picks, (pick) => pick % count);
        const out = allocateRows(to + order.length + 3, numDense, numTables);
        const expected = allocateRows(out.rows, numDense, numTables);
        for (const array of [out, expected].flatMap((o) => [o.labels, o.dense, o.sparse])) array.fill(9);
        order.forEach((row, i) => {
          expected.labels[to + i] = rows.labels[row] as number;
          expected.dense.set(rows.dense.subarray(row * numDense, (row + 1) * numDense), (to + i) * numDense);
          expected.sparse.set(
            rows.sparse.subarray(row * numTables, (row + 1) * numTables),
            (to + i) * numTables,
          );
        });
        gatherRows(out, to, rows, order);
        assert.equal(out, expected);
      },
    ),
    { seed: 4, numRuns: 200 },
  );
});

test('rows that do not exist are refused before they are read', () => {
  const rows = allocateRows(4, 2, 3);
  assert.throws(
    () => gatherRows(allocateRows(2, 2, 3), 0, rows, Uint32Array.of(0, 4)),
    /Row 4 was asked for, of 4/,
  );
  for (const [out, to] of [
    [allocateRows(2, 2, 3), 1],
    [allocateRows(2, 2, 3), -1],
    [allocateRows(2, 1, 3), 0],
  ] as const) {
    assert.throws(() => gatherRows(out, to, rows, Uint32Array.of(0, 1)), /no room/);
  }
});

test.run();
