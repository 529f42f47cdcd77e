import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { fillNormal } from '../random/normal.ts';
import { type Quantiles, quantiles } from './quantiles.ts';
import type { TableFacts } from './table-facts.ts';

/** Relative errors |⟨Êx, Ey⟩ − ⟨Ex, Ey⟩| / (|Ex|·|Ey|). */
export interface MacroErrors {
  /** The largest there is, over all x and y. */
  readonly worst: number;
  /** Over pairs of random directions. */
  readonly random: Quantiles;
  /** Over pairs of coordinate axes and pairs of singular vectors. */
  readonly structured: Quantiles;
}

const RANDOM_PAIRS = 1000;
/** Coordinate axes, and singular vectors, of which all pairs are taken. */
const MAX_AXES = 64;
/** Stream of the random directions. */
const STREAM = 1;

/**
 * Measures macro errors of approximations Ê of one table from their d×d matrices EᵀÊ, which hold all there is to know.
 *
 * For M = S·E and Ê = Sᵀ·M, ⟨Êx, Ey⟩ is ⟨Mx, My⟩, the paper's form (Definition 2); it goes on having a meaning where M is one array without
 * columns.
 */
export class MacroMeter {
  readonly #gram: Matrix;
  /** V·Σ⁻¹, [d, rank]: turns x into coordinates in which Ex has length |x|. */
  readonly #whitening: Matrix;
  readonly #random: readonly DirectionPair[];
  readonly #structured: readonly DirectionPair[];

  constructor(facts: TableFacts, seed: number) {
    const { gram, directions, singularValues, dim } = facts;
    this.#gram = gram;
    this.#whitening = directions.mmul(Matrix.diag(singularValues.map((value) => 1 / value)));
    const axes = columnsOf(Matrix.eye(dim, dim)).slice(0, MAX_AXES);
    const singular = columnsOf(directions).slice(0, MAX_AXES);
    this.#random = this.#withLengths(randomPairs(dim, seed));
    this.#structured = this.#withLengths([...allPairs(axes), ...allPairs(singular)]);
  }

  /** @param cross EᵀÊ, [d, d] row-major */
  measure(cross: Float64Array): MacroErrors {
    const { rows } = this.#gram;
    const difference = Matrix.from1DArray(rows, rows, cross).sub(this.#gram);
    const whitened = this.#whitening.transpose().mmul(difference).mmul(this.#whitening);
    return {
      worst: spectralNorm(whitened),
      random: errorsOf(difference, this.#random),
      structured: errorsOf(difference, this.#structured),
    };
  }

  /** Pairs whose images under E aren't zero. */
  #withLengths(pairs: readonly (readonly [Float64Array, Float64Array])[]): DirectionPair[] {
    const shortest = 1e-7 * Math.sqrt(this.#gram.trace());
    return pairs.flatMap(([x, y]) => {
      const lengths = [x, y].map((v) => Math.sqrt(Math.max(0, bilinear(this.#gram, v, v))));
      const [a, b] = lengths as [number, number];
      return a > shortest && b > shortest ? [{ x, y, lengths: a * b }] : [];
    });
  }
}

interface DirectionPair {
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** |Ex|·|Ey| */
  readonly lengths: number;
}

function errorsOf(difference: Matrix, pairs: readonly DirectionPair[]): Quantiles {
  return quantiles(
    Float64Array.from(pairs, ({ x, y, lengths }) => Math.abs(bilinear(difference, x, y)) / lengths),
  );
}

/** xᵀ·A·y */
function bilinear(a: Matrix, x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let r = 0; r < x.length; r++) {
    let row = 0;
    for (let c = 0; c < y.length; c++) row += a.get(r, c) * (y[c] as number);
    sum += (x[r] as number) * row;
  }
  return sum;
}

/** Largest singular value. */
function spectralNorm(a: Matrix): number {
  const squares = new EigenvalueDecomposition(a.transpose().mmul(a), { assumeSymmetric: true });
  return Math.sqrt(Math.max(0, ...squares.realEigenvalues));
}

function randomPairs(dim: number, seed: number): [Float64Array, Float64Array][] {
  const normals = new Float64Array(2 * RANDOM_PAIRS * dim);
  fillNormal(normals, seed, STREAM);
  const vector = (i: number) => normals.subarray(i * dim, (i + 1) * dim);
  return Array.from({ length: RANDOM_PAIRS }, (_, i) => [vector(2 * i), vector(2 * i + 1)]);
}

function allPairs(vectors: readonly Float64Array[]): [Float64Array, Float64Array][] {
  return vectors.flatMap((x, i) => vectors.slice(0, i + 1).map((y): [Float64Array, Float64Array] => [x, y]));
}

function columnsOf(matrix: Matrix): Float64Array[] {
  return Array.from({ length: matrix.columns }, (_, c) => Float64Array.from(matrix.getColumn(c)));
}
