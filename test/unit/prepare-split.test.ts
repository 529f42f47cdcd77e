import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareNaturally } from '../../src/prepare/inputs.ts';
import { parseBadRowLimit } from '../../src/prepare/prepare-options.ts';
import { parseSplitRule, type RowsSeen } from '../../src/prepare/split-rule.ts';
import { philox4x32 } from '../../src/random/philox.ts';

const test = suite('split rules');

/** Sizes of the splits when all of `perInput` has been read. */
function sizes(rule: string, perInput: readonly number[]): Record<string, number> {
  const rows = perInput.reduce((sum, count) => sum + count, 0);
  const { splits, assign } = parseSplitRule(rule);
  const out = new Uint8Array(rows);
  assert.is(assign(out, 0, { perInput, rows, ended: true }), rows, 'every row has a place at the end');
  const result: Record<string, number> = {};
  for (const destination of out) {
    const split = splits[destination] as string;
    result[split] = (result[split] ?? 0) + 1;
  }
  return result;
}

test('sizes are those of the published splits', () => {
  assert.equal(sizes('head:3', [10]), { train: 3, test: 7 });
  assert.equal(sizes('tail:0.25', [10, 2]), { train: 9, test: 3 });
  assert.equal(sizes('kaggle-chronological', [73]), { train: 63, test: 5, validation: 5 });
  assert.equal(sizes('kaggle-chronological', [45_840]), { train: 39_292, test: 3274, validation: 3274 });
  assert.equal(sizes('tb-mlperf', [...Array(23).fill(10), 7]), { train: 230, test: 4, validation: 3 });
});

test('the whole Kaggle set is cut where the published split cuts it', () => {
  const { assign } = parseSplitRule('kaggle-chronological');
  const seen: RowsSeen = { perInput: [45_840_617], rows: 45_840_617, ended: true };
  const at = (row: number) => {
    const out = new Uint8Array(1);
    assign(out, row, seen);
    return out[0];
  };
  assert.equal([at(39_291_957), at(39_291_958)], [0, 1]);
  assert.equal([at(39_291_958 + 3_274_329), at(39_291_958 + 3_274_330)], [1, 2]);
});

test('what is certain early never changes when more rows come', () => {
  for (const rule of [
    'head:40',
    'tail:0.1',
    'tail:0.37',
    'kaggle-chronological',
    'kaggle-random:5',
    'tb-mlperf',
  ]) {
    for (const total of [1, 7, 100, 223]) {
      const inputOf = (row: number) => Math.min(23, Math.floor((row * 24) / total));
      const countUpTo = (rows: number) => {
        const perInput = Array(24).fill(0) as number[];
        for (let row = 0; row < rows; row++) perInput[inputOf(row)] = (perInput[inputOf(row)] as number) + 1;
        return perInput;
      };
      const { assign } = parseSplitRule(rule);
      const final = new Uint8Array(total);
      assign(final, 0, { perInput: countUpTo(total), rows: total, ended: true });
      for (let rows = 1; rows < total; rows += 3) {
        const early = new Uint8Array(rows);
        const certain = assign(early, 0, { perInput: countUpTo(rows), rows, ended: false });
        assert.equal(
          [...early.subarray(0, certain)],
          [...final.subarray(0, certain)],
          `${rule} at ${rows} of ${total}`,
        );
      }
    }
  }
});

test('a random split depends on seed and row alone and has the right shares', () => {
  const rule = parseSplitRule('kaggle-random:2020');
  const whole = new Uint8Array(100_000);
  const seen: RowsSeen = { perInput: [1e5], rows: 1e5, ended: false };
  rule.assign(whole, 0, seen);
  for (const [first, length] of [
    [0, 1],
    [3, 9],
    [777, 1001],
    [99_998, 2],
  ] as const) {
    const piece = new Uint8Array(length);
    assert.is(rule.assign(piece, first, seen), length);
    assert.equal([...piece], [...whole.subarray(first, first + length)]);
  }
  const share = (split: number) => whole.filter((destination) => destination === split).length / whole.length;
  for (const [split, wanted] of [0.72, 0.1, 0.18].entries())
    assert.ok(Math.abs(share(split) - wanted) < 0.005);
  const other = new Uint8Array(100_000);
  parseSplitRule('kaggle-random:2021').assign(other, 0, seen);
  assert.ok(other.some((destination, row) => destination !== whole[row]));
});

test('Philox gives the known answers of its authors', () => {
  const out = new Uint32Array(4);
  philox4x32(out, [0, 0, 0, 0], [0, 0]);
  assert.equal([...out], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  philox4x32(out, Array(4).fill(0xffffffff) as [number, number, number, number], [0xffffffff, 0xffffffff]);
  assert.equal([...out], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  philox4x32(out, [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);
  assert.equal([...out], [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
});

test('rules that make no sense are refused with the forms that do', () => {
  for (const rule of [
    '',
    'head',
    'head:0',
    'head:x',
    'head:1.5',
    'tail:0',
    'tail:1',
    'tail:1.2',
    'tail:',
    'random:1',
    'kaggle-random',
    'kaggle-random:-1',
    'tb-mlperf:2',
  ]) {
    assert.throws(() => parseSplitRule(rule), /isn't a rule this version knows; give head:N/, rule);
  }
});

test('the Terabyte split needs its 24 days in order', () => {
  const rule = parseSplitRule('tb-mlperf');
  const days = Array.from({ length: 24 }, (_, day) => `/data/day_${day}.gz`);
  rule.checkInputs(days);
  assert.throws(() => rule.checkInputs(days.slice(0, 23)), /input 24 is missing/);
  assert.throws(() => rule.checkInputs([...days, '/data/day_24.gz']), /there are 25 inputs/);
  assert.throws(() => rule.checkInputs([...days].reverse()), /input 1 is \/data\/day_23.gz/);
});

test('files are ordered by the numbers in their names', () => {
  const names = ['day_10.gz', 'day_2.gz', 'day_2', 'a1b10', 'a1b9', 'Day_1'];
  assert.equal(names.sort(compareNaturally), ['Day_1', 'a1b9', 'a1b10', 'day_2', 'day_2.gz', 'day_10.gz']);
});

test('limits of malformed rows are shares or numbers', () => {
  assert.is(parseBadRowLimit('0.1%').fraction, 0.001);
  assert.is(parseBadRowLimit('0').rows, 0);
  assert.is(parseBadRowLimit('250').rows, 250);
  for (const text of ['', '-1', '0.5', '101%', 'many', '1e3']) {
    assert.throws(() => parseBadRowLimit(text), /neither a share of all rows/);
  }
});

test.run();
