import { UsageError } from '../errors.ts';
import {
  gaussianMacroRows,
  gaussianMicroRows,
  macroRows,
  microRows,
  mostImportantRows,
  NET_FACTOR,
  pairEpsilon,
} from './bounds.ts';

/** A table and the approximation wanted of it. */
export interface Target {
  /** n */
  readonly rows: number;
  /** d */
  readonly dim: number;
  readonly epsilon: number;
  readonly delta: number;
  /** Importance from which on single rows are to be right; without it only the macro sizes are given. */
  readonly rho?: number;
}

/** A size the theory asks for. */
export interface RequiredSize {
  readonly theorem: 6 | 7;
  readonly construction: 'gaussian' | 'achlioptas' | 'sparse';
  readonly derivation: keyof typeof DERIVATIONS;
  /** k */
  readonly memoryRows: number;
  /** Non-zeros of a column of S, on average for Achlioptas. */
  readonly nonZeros: number;
  /** |M| = k·d in floats. */
  readonly memorySize: number;
  readonly memoryBytes: number;
  /** n·d / |M|; below 1 the theory asks for more than the table itself. */
  readonly compression: number;
}

export interface RequiredSizes {
  readonly target: Target;
  readonly sizes: readonly RequiredSize[];
  /** Theorem 4: the error of inner products between two embeddings that a micro error of ε allows. */
  readonly pairEpsilon: number;
  /** Rows that can be more important than ρ at all. */
  readonly mostImportantRows?: number;
}

/** The formulas, and where their constants come from. */
export const DERIVATIONS = {
  net6: {
    formula: 'k = (2·d·ln 9 + ln(2/δ)) / (e²/4 − e³/6) with e = ε/4',
    source:
      'the tail bound of Achlioptas 2003, polarization, and a union bound over the ½-net of Woodruff 2014',
  },
  spectrum6: {
    formula: 'k = ((√d + √(2·ln(2/δ))) / (√(1 + ε) − 1))²',
    source: 'the singular values of a Gaussian matrix, Davidson and Szarek 2001',
  },
  net7: {
    formula: 'k = (2·ln(9^d + n) + ln(2/δ)) / (e²/4 − e³/6) with e = ρ·ε/2',
    source: 'as for Theorem 6, the n axes added to the net',
  },
  spectrum7: {
    formula: 'k = ((√(d + 1) + √(2·ln(2n/δ))) / (√(1 + ρ·ε) − 1))²',
    source: 'as for Theorem 6, once for each row',
  },
  sparse6: {
    formula: 'k as by net6, s = e·k',
    source: 'the form is that of Kane and Nelson 2014, who publish no constant: both are assumed, not proved',
  },
  sparse7: { formula: 'k as by net7, s = e·k', source: 'as for sparse6' },
} as const;

/**
 * Sizes of M that make a sketch of the table as good as wanted, for each way to draw S.
 * @throws UsageError ERR_USAGE for a target that means nothing
 */
export function requiredSizes(target: Target): RequiredSizes {
  checkTarget(target);
  const { rows, dim, epsilon, delta, rho } = target;
  const allowed = pairEpsilon(epsilon);
  const macro = sizesOf(target, 6, {
    net: macroRows(dim, epsilon, delta),
    netEpsilon: epsilon / NET_FACTOR.macro,
    spectrum: gaussianMacroRows(dim, epsilon, delta),
  });
  if (rho === undefined) return { target, sizes: macro, pairEpsilon: allowed };
  const micro = sizesOf(target, 7, {
    net: microRows(rows, dim, epsilon, delta, rho),
    netEpsilon: (rho * epsilon) / NET_FACTOR.micro,
    spectrum: gaussianMicroRows(rows, dim, epsilon, delta, rho),
  });
  return {
    target,
    sizes: [...macro, ...micro],
    pairEpsilon: allowed,
    mostImportantRows: Math.min(rows, mostImportantRows(dim, rho)),
  };
}

/** @param k rows by the net, the ε asked of single points of it, and rows by the singular values */
function sizesOf(
  { rows, dim }: Target,
  theorem: 6 | 7,
  k: { readonly net: number; readonly netEpsilon: number; readonly spectrum: number },
): RequiredSize[] {
  const size = (
    construction: RequiredSize['construction'],
    derivation: RequiredSize['derivation'],
    memoryRows: number,
    nonZeros: number,
  ): RequiredSize => ({
    theorem,
    construction,
    derivation,
    memoryRows,
    nonZeros,
    memorySize: memoryRows * dim,
    memoryBytes: memoryRows * dim * 4,
    compression: rows / memoryRows,
  });
  return [
    size('gaussian', `net${theorem}`, k.net, k.net),
    size('gaussian', `spectrum${theorem}`, k.spectrum, k.spectrum),
    size('achlioptas', `net${theorem}`, k.net, Math.ceil(k.net / 3)),
    size('sparse', `sparse${theorem}`, k.net, Math.ceil(k.netEpsilon * k.net)),
  ];
}

function checkTarget({ rows, dim, epsilon, delta, rho }: Target): void {
  for (const [name, value] of Object.entries({ rows, dim })) {
    if (!Number.isSafeInteger(value) || value < 1) throw wrong(name, value, 'a whole number of at least 1');
  }
  if (!(epsilon > 0 && epsilon <= 1)) throw wrong('epsilon', epsilon, 'above 0 and at most 1');
  if (!(delta > 0 && delta < 1)) throw wrong('delta', delta, 'a probability above 0 and below 1');
  if (rho !== undefined && !(rho > 0 && rho <= 1)) {
    throw wrong('rho', rho, 'above 0 and at most 1, since no row is longer than the largest singular value');
  }
}

function wrong(name: string, value: number, what: string): UsageError {
  return new UsageError('ERR_USAGE', `--${name} is ${value}; it must be ${what}.`);
}
