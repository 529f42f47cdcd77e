/** A small seeded generator of 32-bit numbers (SplitMix32), so that a test's rows can be made again. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) >>> 0;
  };
}

/** `count` valid raw rows, each ended by a newline, with missing values, negatives and categories of many frequencies. */
export function makeRawRows(count: number, seed: number): string {
  const next = randomNumbers(seed);
  const rows: string[] = [];
  for (let row = 0; row < count; row++) {
    const fields = [String(next() % 4 === 0 ? 1 : 0)];
    for (let i = 0; i < 13; i++) fields.push(next() % 6 === 0 ? '' : String((next() % 3 ** (i + 1)) - 2));
    for (let t = 0; t < 26; t++) {
      const id = Math.imul((next() % (2 * t + 2)) * (next() % (3 * t + 2)) + t, 0x9e3779b1) >>> 0;
      fields.push(next() % 9 === 0 ? '' : id.toString(16).padStart(8, '0'));
    }
    rows.push(`${fields.join('\t')}\n`);
  }
  return rows.join('');
}
