import { writeFileSync } from 'node:fs';
import { encodeHeader } from '../../src/checkpoint/safetensors-header.ts';
import type { RowBlock, Table } from '../../src/theory/table.ts';

/** A table in memory. */
export function memoryTable(values: Float32Array, dim: number): Table {
  const rows = values.length / dim;
  return {
    rows,
    dim,
    async *blocks(blockRows: number): AsyncGenerator<RowBlock> {
      for (let first = 0; first < rows; first += blockRows) {
        const count = Math.min(blockRows, rows - first);
        yield { first, count, values: values.subarray(first * dim, (first + count) * dim) };
      }
    },
  };
}

/** Writes float32 tensors into a safetensors file. */
export function writeTensors(
  path: string,
  tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly values: Float32Array;
  }[],
): void {
  const header = encodeHeader(
    tensors.map(({ name, shape, values }) => ({ name, shape, size: values.length })),
    {},
  );
  const data = tensors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  writeFileSync(path, Buffer.concat([header, ...data]));
}

/** Row-major product of [m, k] and [k, n] in float64. */
export function multiply(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  m: number,
  k: number,
  n: number,
): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      for (let j = 0; j < n; j++) {
        out[i * n + j] = (out[i * n + j] as number) + (a[i * k + l] as number) * (b[l * n + j] as number);
      }
    }
  }
  return out;
}
