import { fillNormal } from '../random/normal.ts';
import { pairEpsilon } from './bounds.ts';
import { type Quantiles, quantiles } from './quantiles.ts';
import type { RowBlock } from './table.ts';
import type { TableFacts } from './table-facts.ts';

/** Errors of the rows whose importance lies in (rhoAbove, rhoUpTo]. */
export interface MicroErrors {
  readonly rhoAbove: number;
  readonly rhoUpTo: number;
  readonly rows: number;
  /** |Ê[i] − E[i]| / |E[i]|: the largest |⟨Ê[i], x⟩ − ⟨E[i], x⟩| / (|E[i]|·|x|) over all x. */
  readonly worst: Quantiles;
  /** The same for one random x a row. */
  readonly random: Quantiles;
  /** |⟨Ê[i], Ê[j]⟩ − ⟨E[i], E[j]⟩| / (|E[i]|·|E[j]|) over pairs of sampled rows, i = j included. */
  readonly pairs: Quantiles;
  /** Theorem 4's limit for `pairs.max`: ε² + 2ε with ε = `worst.max`. */
  readonly pairLimit: number;
}

/** Index of the most important bin with rows enough for quantiles to mean something, or else of the first. */
export function mostImportant(bins: readonly MicroErrors[]): number {
  return Math.max(
    0,
    bins.findIndex(({ rows }) => rows >= 8),
  );
}

/** Importances at or below 2^-DEEPEST share one bin. */
const DEEPEST = 20;
const RANDOM_DIRECTIONS = 64;
/** Stream of the random directions. */
const STREAM = 2;
/** Rows of a bin among which pairs are taken. */
const PAIR_ROWS = 48;

/** Rows by importance ρ(i) = |E[i]| / σ(E), in bins that halve: (1/2, 1], (1/4, 1/2], ... Rows of zeros are in none. */
export class ImportanceBins {
  /** Bin of each row, −1 for a row of zeros. */
  readonly binOf: Int8Array;
  /** Rows of each bin, [bins]. */
  readonly counts: readonly number[];
  /** Sampled rows of each bin, in order and evenly spread. */
  readonly samples: readonly (readonly number[])[];

  constructor({ norms, sigma }: TableFacts) {
    this.binOf = Int8Array.from(norms, (norm) =>
      norm === 0 ? -1 : Math.min(DEEPEST, Math.max(0, Math.floor(-Math.log2(norm / sigma)))),
    );
    const counts = new Array<number>(DEEPEST + 1).fill(0);
    for (const bin of this.binOf) if (bin >= 0) counts[bin] = (counts[bin] as number) + 1;
    this.counts = counts;
    const seen = counts.map(() => 0);
    const samples = counts.map((): number[] => []);
    this.binOf.forEach((bin, row) => {
      if (bin < 0) return;
      const every = Math.ceil((counts[bin] as number) / PAIR_ROWS);
      if ((seen[bin] as number) % every === 0) samples[bin]?.push(row);
      seen[bin] = (seen[bin] as number) + 1;
    });
    this.samples = samples;
  }
}

/** Collects the errors of one approximation of a table, block by block in the order of the rows. */
export class MicroMeter {
  readonly #facts: TableFacts;
  readonly #bins: ImportanceBins;
  /** Unit vectors, [RANDOM_DIRECTIONS, d]. */
  readonly #directions: Float64Array;
  /** [n] */
  readonly #worst: Float64Array;
  readonly #random: Float64Array;
  /** Sampled rows: the exact and the recovered one. */
  readonly #sampled = new Map<number, readonly [Float32Array, Float32Array]>();

  constructor(facts: TableFacts, bins: ImportanceBins, seed: number) {
    this.#facts = facts;
    this.#bins = bins;
    this.#directions = unitVectors(RANDOM_DIRECTIONS, facts.dim, seed);
    this.#worst = new Float64Array(facts.rows);
    this.#random = new Float64Array(facts.rows);
    for (const rows of bins.samples) {
      for (const row of rows) this.#sampled.set(row, [new Float32Array(0), new Float32Array(0)]);
    }
  }

  /** @param recovered the same rows of Ê, [count, d] */
  add({ first, count, values }: RowBlock, recovered: Float32Array): void {
    const { dim, norms } = this.#facts;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      const direction = (row % RANDOM_DIRECTIONS) * dim;
      let squares = 0;
      let along = 0;
      for (let a = 0; a < dim; a++) {
        const difference = (recovered[i * dim + a] as number) - (values[i * dim + a] as number);
        squares += difference * difference;
        along += difference * (this.#directions[direction + a] as number);
      }
      this.#worst[row] = Math.sqrt(squares) / (norms[row] as number);
      this.#random[row] = Math.abs(along) / (norms[row] as number);
      if (this.#sampled.has(row)) {
        const range = [i * dim, (i + 1) * dim] as const;
        this.#sampled.set(row, [values.slice(...range), recovered.slice(...range)]);
      }
    }
  }

  /** The bins that have rows, the most important first. */
  measure(): MicroErrors[] {
    return this.#bins.counts.flatMap((rows, bin) => {
      if (rows === 0) return [];
      const worst = quantiles(this.#ofBin(this.#worst, bin, rows));
      return [
        {
          rhoAbove: bin === DEEPEST ? 0 : 2 ** -(bin + 1),
          rhoUpTo: 2 ** -bin,
          rows,
          worst,
          random: quantiles(this.#ofBin(this.#random, bin, rows)),
          pairs: quantiles(Float64Array.from(this.#pairErrors(this.#bins.samples[bin] ?? []))),
          pairLimit: pairEpsilon(worst.max),
        },
      ];
    });
  }

  #ofBin(errors: Float64Array, bin: number, rows: number): Float64Array {
    const out = new Float64Array(rows);
    let filled = 0;
    this.#bins.binOf.forEach((each, row) => {
      if (each === bin) out[filled++] = errors[row] as number;
    });
    return out;
  }

  #pairErrors(rows: readonly number[]): number[] {
    const { norms } = this.#facts;
    return rows.flatMap((i, at) =>
      rows.slice(0, at + 1).map((j) => {
        const [exactI, recoveredI] = this.#sampled.get(i) as readonly [Float32Array, Float32Array];
        const [exactJ, recoveredJ] = this.#sampled.get(j) as readonly [Float32Array, Float32Array];
        const error = dot(recoveredI, recoveredJ) - dot(exactI, exactJ);
        return Math.abs(error) / ((norms[i] as number) * (norms[j] as number));
      }),
    );
  }
}

function unitVectors(count: number, dim: number, seed: number): Float64Array {
  const vectors = new Float64Array(count * dim);
  fillNormal(vectors, seed, STREAM);
  for (let i = 0; i < count; i++) {
    const vector = vectors.subarray(i * dim, (i + 1) * dim);
    const length = Math.hypot(...vector);
    for (let a = 0; a < dim; a++) vector[a] = (vector[a] as number) / length;
  }
  return vectors;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
