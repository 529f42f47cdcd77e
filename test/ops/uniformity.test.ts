import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addresses, chiSquareDeviation } from '../helpers/addresses.ts';
import { embeddingAttributes } from '../helpers/op-graphs.ts';
import { missingShared, sharedPath } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('uniformity of the hash families');

/** Places for a chunk; a prime, so that no pattern hides in its factors. */
const PLACES = 9973;
const CHUNK = 16;
const CHUNKS = 2;
/** apd10's affine map is x·A mod P. */
const P = 2038074743n;
const A = 871205356n;

/** Starts of the chunks of ids of one table, one column a chunk. */
async function starts(hash: 'mix64' | 'apd10', ids: Uint32Array): Promise<Uint32Array[]> {
  const size = hash === 'apd10' ? [2 ** 31] : [];
  const attributes = embeddingAttributes({
    kind: 'robe',
    dim: CHUNK * CHUNKS,
    chunkSize: CHUNK,
    memorySize: PLACES + CHUNK - 1,
    hash,
    tableSizes: size,
  });
  const floats = await addresses(attributes, 1, ids, 'auto');
  return [...Array(CHUNKS).keys()].map((chunk) =>
    Uint32Array.from(ids, (_, row) => floats[(row * CHUNKS + chunk) * CHUNK] as number),
  );
}

/** Chi-square of the starts of all ids and chunks over all places, in standard deviations from a uniform hash's mean. */
async function deviation(hash: 'mix64' | 'apd10', ids: Uint32Array): Promise<number> {
  const all = (await starts(hash, ids)).flatMap((column) => [...column]);
  return chiSquareDeviation(all, PLACES);
}

/** Ids r·A⁻¹ mod P, which apd10 sends to r + constant: numbers like any other, but its worst. */
function unravelled(count: number): Uint32Array {
  let [inverse, base, exponent] = [1n, A, P - 2n];
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) inverse = (inverse * base) % P;
    base = (base * base) % P;
  }
  return Uint32Array.from({ length: count }, (_, r) => Number((BigInt(r) * inverse) % P));
}

const COUNT = 60_000;
const PATTERNS: Readonly<Record<string, Uint32Array>> = {
  sequential: Uint32Array.from({ length: COUNT }, (_, i) => i),
  'a stride of 1000': Uint32Array.from({ length: COUNT }, (_, i) => 1000 * i),
  'a stride of 2^15': Uint32Array.from({ length: COUNT }, (_, i) => 2 ** 15 * i),
  'multiples of an inverse': unravelled(PLACES / 2),
};

for (const [pattern, ids] of Object.entries(PATTERNS)) {
  test(`mix64 spreads chunks over M as chance does, apd10 in a pattern: ${pattern}`, async () => {
    const [ours, theirs] = [await deviation('mix64', ids), await deviation('apd10', ids)];
    process.stdout.write(`${pattern}: chi-square of mix64 ${show(ours)}, of apd10 ${show(theirs)}\n`);
    assert.ok(Math.abs(ours) < 5, `mix64: ${ours}`);
    // Too even is a pattern as well: where one id's chunk lies then says where its neighbour's can't.
    assert.ok(Math.abs(theirs) > 10, `apd10: ${theirs}`);
  });
}

test('equal gaps of ids give equal gaps of chunks under apd10 alone', async () => {
  for (const [hash, most, least] of [
    ['apd10', 8, 1],
    ['mix64', COUNT, 5000],
  ] as const) {
    const [first] = await starts(hash, PATTERNS['sequential'] as Uint32Array);
    const gaps = new Set(
      first?.slice(777).map((start, i) => (start - (first[i] as number) + PLACES) % PLACES),
    );
    process.stdout.write(`ids 777 apart: ${gaps.size} different distances of their chunks under ${hash}\n`);
    assert.ok(gaps.size <= most && gaps.size >= least, `${hash}: ${gaps.size}`);
  }
});

for (const file of ['criteo-kaggle-10k.tsv', 'criteo-tb-day0-10k.tsv']) {
  testUnless(
    test,
    missingShared('data', file),
    `mix64 spreads the ids of real rows as chance does: ${file}`,
    async () => {
      const ids = distinctIds(readFileSync(sharedPath('data', file), 'utf8'));
      const ours = await deviation('mix64', ids);
      const theirs = await deviation('apd10', Uint32Array.from(ids.keys()));
      process.stdout.write(
        `${ids.length} ids of ${file}: chi-square of mix64 ${show(ours)}, of apd10 on their numbers ${show(theirs)}\n`,
      );
      assert.ok(Math.abs(ours) < 5, `${ours}`);
    },
  );
}

const show = (value: number) => `${value > 0 ? '+' : ''}${value.toFixed(1)} σ`;

/** The different 32-bit ids of all categorical columns. */
function distinctIds(text: string): Uint32Array {
  const ids = new Set<number>();
  for (const line of text.trimEnd().split('\n')) {
    for (const token of line.split('\t').slice(14)) ids.add(token === '' ? 0 : Number.parseInt(token, 16));
  }
  return Uint32Array.from(ids);
}

test.run();
