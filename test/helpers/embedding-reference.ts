import type { EmbeddingConfig } from '../../src/config/schema.ts';
import { mix64, place } from './mix64.ts';
import { sketchEntry } from './sketch-matrix.ts';

/** A parameter by name, its values in float64. */
export type Weights = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly values: Float64Array }
>;

/** What a reference lookup needs to know beside the weights. */
export interface ReferenceModel {
  readonly embedding: EmbeddingConfig;
  readonly seed: number;
  readonly numbered: boolean;
  /** E_t, or estimates of them. */
  readonly sizes: readonly number[];
}

/**
 * The embedding of (table, id) in float64, straight from each kind's definition: the plain reference that the engine's kinds are compared
 * with. What a table looks like (full or not, its dims) shows in the names and shapes of the weights.
 */
export function embeddingReference(
  model: ReferenceModel,
  weights: Weights,
  table: number,
  id: number,
): number[] {
  const { embedding, seed, numbered } = model;
  const size = model.sizes[table] as number;
  const hashed = (chunk: number, rows: number, salt = 0) =>
    place(mix64(seed + salt * 2 ** 32, table, id, chunk), rows);
  const own = weights.get(`embedding.${table}.weight`);
  const row = (name: string, index: number): number[] => {
    const { shape, values } = weights.get(name) as { shape: readonly number[]; values: Float64Array };
    const width = values.length / (shape[0] as number);
    return [...values.subarray(index * width, (index + 1) * width)];
  };
  const rowsOf = (name: string) => weights.get(name)?.shape[0] as number;
  if (own) {
    const rows = own.shape[0] as number;
    const vector = row(`embedding.${table}.weight`, numbered && rows === size ? id : hashed(0, rows));
    const projection = weights.get(`embedding.${table}.projection.weight`);
    if (!projection) return vector;
    return [...Array(embedding.dim).keys()].map((i) =>
      row(`embedding.${table}.projection.weight`, i).reduce(
        (sum, weight, k) => sum + weight * (vector[k] as number),
        0,
      ),
    );
  }
  if (embedding.kind === 'qr') {
    const vectors = embedding.memories
      ? [...Array(embedding.memories).keys()].map((j) =>
          row(`embedding.${j}.memory`, hashed(j, rowsOf(`embedding.${j}.memory`))),
        )
      : pairVectors();
    return joined(vectors, embedding.operation as string);
  }
  if (embedding.kind === 'tt') return tensorTrain();
  if (embedding.kind === 'jlt') return sketched();
  const memory = (weights.get('embedding.memory') as { values: Float64Array }).values;
  const { chunkSize, dim, aligned, kind } = embedding;
  return [...Array(dim).keys()].map((i) => {
    const chunk = Math.floor(i / chunkSize);
    const unit = aligned || kind === 'hash' ? chunkSize : 1;
    const places = unit === 1 ? memory.length - chunkSize + 1 : Math.floor(memory.length / unit);
    return memory[hashed(chunk, places) * unit + (i % chunkSize)] as number;
  });

  function pairVectors(): number[][] {
    const [first, second] = [`embedding.${table}.remainder.weight`, `embedding.${table}.quotient.weight`];
    const [m, q] = [rowsOf(first), rowsOf(second)];
    const digits = numbered && m * q >= size ? [id % m, Math.floor(id / m)] : [hashed(0, m), hashed(1, q)];
    return [row(first, digits[0] as number), row(second, digits[1] as number)];
  }

  function tensorTrain(): number[] {
    const names = [0, 1, 2].map((n) => `embedding.${table}.core${n}.weight`);
    const rows = names.map(rowsOf) as [number, number, number];
    const digits = numbered
      ? [Math.floor(id / (rows[1] * rows[2])), Math.floor(id / rows[2]) % rows[1], id % rows[2]]
      : rows.map((count, n) => hashed(0, count, n));
    const cores = names.map((name, n) => row(name, digits[n] as number)) as [number[], number[], number[]];
    // Shapes: [n0, 1, d0, r], [n1, r, d1, r], [n2, r, d2, 1].
    const [[, , d0], [, r, d1], [, , d2]] = names.map((name) => weights.get(name)?.shape) as [
      number[],
      number[],
      number[],
    ] as [[number, number, number], [number, number, number], [number, number, number]];
    const out: number[] = [];
    for (let a = 0; a < d0; a++) {
      for (let b = 0; b < d1; b++) {
        for (let c = 0; c < d2; c++) {
          let sum = 0;
          for (let p = 0; p < r; p++) {
            for (let q = 0; q < r; q++) {
              sum +=
                (cores[0][a * r + p] as number) *
                (cores[1][(p * d1 + b) * r + q] as number) *
                (cores[2][q * d2 + c] as number);
            }
          }
          out.push(sum);
        }
      }
    }
    return out;
  }

  function sketched(): number[] {
    const k = rowsOf('embedding.memory');
    const out = Array<number>(embedding.dim).fill(0);
    const add = (index: number, entry: number) =>
      row('embedding.memory', index).forEach((value, i) => {
        out[i] = (out[i] as number) + entry * value;
      });
    if (embedding.sketch === 'sparse') {
      const s = embedding.nonZeros as number;
      const scale = Math.fround(1 / Math.sqrt(s));
      for (let c = 0; c < s; c++) {
        const odd = mix64(seed, table, id, c) & 1n;
        add((c * k) / s + hashed(c, k / s), odd ? -scale : scale);
      }
    } else {
      const kind = embedding.sketch as 'gaussian' | 'achlioptas';
      for (let j = 0; j < k; j++) add(j, sketchEntry(kind, seed, k, j, table, id));
    }
    return out;
  }
}

function joined(vectors: readonly number[][], operation: string): number[] {
  if (operation === 'concat') return vectors.flat();
  return (vectors[0] as number[]).map((_, i) =>
    vectors.map((vector) => vector[i] as number).reduce((a, b) => (operation === 'product' ? a * b : a + b)),
  );
}
