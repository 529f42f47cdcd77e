import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { permutation } from '../../src/batch/permutation.ts';
import { philox4x32 } from '../../src/random/philox.ts';

const test = suite('philox');

test('gives the known answers of Philox4x32-10', () => {
  const ones = 0xffffffff;
  const known = [
    { counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
    {
      counter: [ones, ones, ones, ones],
      key: [ones, ones],
      words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ] as const;
  for (const { counter, key, words } of known) {
    const out = new Uint32Array(4);
    philox4x32(out, counter, key);
    assert.equal([...out], [...words]);
  }
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

test.run();
