import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { PssError } from '../errors.ts';
import type { Table } from './table.ts';

/** What is measured of a table once, whatever is done to it. */
export interface TableFacts {
  readonly rows: number;
  readonly dim: number;
  /** EᵀE, [d, d]. */
  readonly gram: Matrix;
  /** |E[i]|, [n]. */
  readonly norms: Float64Array;
  /** |E|_F */
  readonly frobeniusNorm: number;
  /** σ(E), the largest singular value. */
  readonly sigma: number;
  /** Right singular vectors of the non-zero singular values, one a column, [d, rank]. */
  readonly directions: Matrix;
  /** The non-zero singular values, largest first. */
  readonly singularValues: readonly number[];
}

/** Singular values below this fraction of the largest are rounding, not rank: EᵀE is summed in float64. */
const RANK_TOLERANCE = 1e-7;

/**
 * One pass over the table.
 * @throws PssError ERR_TABLE naming the first value that is no finite number, or when all values are zero
 */
export async function measureTable(table: Table, blockRows: number): Promise<TableFacts> {
  const { rows, dim } = table;
  const gram = new Float64Array(dim * dim);
  const norms = new Float64Array(rows);
  for await (const { first, count, values } of table.blocks(blockRows)) {
    for (let i = 0; i < count; i++) {
      norms[first + i] = addOuterProduct(gram, values, i * dim, dim, first + i);
    }
  }
  const full = Matrix.zeros(dim, dim);
  for (let a = 0; a < dim; a++) {
    for (let b = 0; b <= a; b++) {
      full.set(a, b, gram[a * dim + b] as number);
      full.set(b, a, gram[a * dim + b] as number);
    }
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(full, { assumeSymmetric: true });
  const order = realEigenvalues
    .map((_, i) => i)
    .sort((a, b) => value(realEigenvalues, b) - value(realEigenvalues, a));
  const sigma = Math.sqrt(Math.max(0, value(realEigenvalues, order[0] as number)));
  if (sigma === 0) {
    throw new PssError('ERR_TABLE', 'All values of the table are zero, so there is nothing to compress.');
  }
  const kept = order.filter((i) => value(realEigenvalues, i) > (RANK_TOLERANCE * sigma) ** 2);
  return {
    rows,
    dim,
    gram: full,
    norms,
    frobeniusNorm: Math.sqrt(full.trace()),
    sigma,
    directions: new Matrix(
      Array.from({ length: dim }, (_, r) => kept.map((c) => eigenvectorMatrix.get(r, c))),
    ),
    singularValues: kept.map((i) => Math.sqrt(value(realEigenvalues, i))),
  };
}

/** Adds the lower triangle of vᵀv for row v; returns |v|. */
function addOuterProduct(
  gram: Float64Array,
  values: Float32Array,
  start: number,
  dim: number,
  row: number,
): number {
  let squares = 0;
  for (let a = 0; a < dim; a++) {
    const va = values[start + a] as number;
    if (!Number.isFinite(va)) {
      throw new PssError(
        'ERR_TABLE',
        `Row ${row} of the table has ${va} in column ${a}; give a table of finite numbers.`,
      );
    }
    squares += va * va;
    for (let b = 0; b <= a; b++) {
      gram[a * dim + b] = (gram[a * dim + b] as number) + va * (values[start + b] as number);
    }
  }
  return Math.sqrt(squares);
}

function value(values: readonly number[], index: number): number {
  return values[index] as number;
}
