import { philox4x32 } from '../../src/random/philox.ts';

const f = Math.fround;

/** S[row, (table, id)] of a dense sketch of k rows, by its definition in native/ops/sketch/sketch_matrix.h. */
export function sketchEntry(
  kind: 'gaussian' | 'achlioptas',
  seed: number,
  k: number,
  row: number,
  table: number,
  id: number,
): number {
  const words = new Uint32Array(4);
  const block = Math.floor(row / 4);
  philox4x32(words, [block, 0, id, table], [(seed ^ 0xaccd2549) >>> 0, 0x49a8bb6a]);
  const word = words[row % 4] as number;
  if (kind === 'gaussian') return f(normal(word) * f(1 / Math.sqrt(k)));
  const sixth = Math.floor((word * 6) / 2 ** 32);
  const scale = f(Math.sqrt(3 / k));
  return sixth === 0 ? scale : sixth === 1 ? -scale : 0;
}

function horner(x: number, ...highestFirst: number[]): number {
  return highestFirst.reduce((sum, coefficient) => f(f(sum * x) + f(coefficient)), 0);
}

function normal(word: number): number {
  const p = f(f(f(word >>> 1) + 0.5) * 2 ** -32);
  const q = f(0.5 - p);
  const magnitude = q <= f(0.425) ? central(q) : tail(p);
  return word & 1 ? -magnitude : magnitude;
}

function central(q: number): number {
  const r = f(f(0.180625) - f(q * q));
  const numerator = horner(r, 59.10937472, 159.29113202, 50.434271938, 3.3871327179);
  return f(f(q * numerator) / horner(r, 67.1875636, 78.757757664, 17.895169469, 1));
}

function tail(p: number): number {
  const r = f(f(Math.sqrt(-logarithm(p))) - f(1.6));
  const numerator = horner(r, 0.17023821103, 1.3067284816, 2.75681539, 1.4234372777);
  return f(numerator / horner(r, 0.12021132975, 0.7370016425, 1));
}

function logarithm(p: number): number {
  let e = Math.floor(Math.log2(p));
  let m = p / 2 ** e;
  if (m > f(1.41421354)) {
    m /= 2;
    e += 1;
  }
  const x = f(f(m - 1) / f(m + 1));
  const y = f(x * x);
  const series = f(y * horner(y, 1 / 9, 1 / 7, 1 / 5, 1 / 3));
  const twice = f(2 * x);
  return f(f(e * f(0.693147182)) + f(twice + f(twice * series)));
}
