import type { NativeBatch } from '../addon/addon-types.ts';
import { philox4x32 } from '../random/philox.ts';

/** Exponent of the power law that ids follow, close to Criteo's. */
const EXPONENT = 1.05;

/**
 * Rows with ids that follow a power law over each table, spread over it by a fixed multiplication, and uniform dense features.
 * @param tableSizes E_t; ids are below them
 */
export function syntheticBatch(
  rows: number,
  tableSizes: readonly number[],
  numDense: number,
  seed: number,
): NativeBatch {
  const numTables = tableSizes.length;
  const labels = new Uint8Array(rows);
  const dense = new Float32Array(rows * numDense);
  const sparse = new Uint32Array(rows * numTables);
  const words = new Uint32Array(4);
  let drawn = 0;
  const uniform = () => {
    if (drawn % 4 === 0) philox4x32(words, [drawn / 4, 0, 0, 0], [seed, 0]);
    return (words[drawn++ % 4] as number) / 2 ** 32;
  };
  for (let b = 0; b < rows; b++) {
    for (let j = 0; j < numDense; j++) dense[b * numDense + j] = uniform();
    for (let t = 0; t < numTables; t++) {
      sparse[b * numTables + t] = powerLawId(uniform(), tableSizes[t] as number);
    }
    labels[b] = (dense[b * numDense] as number) + uniform() > 1.2 ? 1 : 0;
  }
  return { labels, dense, sparse };
}

/**
 * Rows with one dense feature and one id, drawn uniformly: the least friendly ids a cache can meet.
 * @param size E of the table
 */
export function uniformBatch(rows: number, size: number, seed: number): NativeBatch {
  const sparse = new Uint32Array(rows);
  const words = new Uint32Array(4);
  for (let b = 0; b < rows; b++) {
    if (b % 4 === 0) philox4x32(words, [b / 4, 0, 0, 0], [seed, 1]);
    sparse[b] = Math.floor(((words[b % 4] as number) / 2 ** 32) * size);
  }
  return { labels: new Uint8Array(rows).map((_, b) => b % 2), dense: new Float32Array(rows), sparse };
}

/** Inverse of the power law's distribution function over ranks 1..size, then ranks scattered over the table. */
function powerLawId(u: number, size: number): number {
  const s = 1 - EXPONENT;
  const rank = Math.min(size, Math.floor(((size ** s - 1) * u + 1) ** (1 / s)));
  return Number((BigInt(rank - 1) * 2654435761n + 12345n) % BigInt(size));
}
