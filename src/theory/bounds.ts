/**
 * Sizes and errors that the theory of parameter-shared embedding tables promises (the paper's Theorems 4, 6 and 7). The paper states them up
 * to constants; the constants here, and where each comes from, are explained in docs/theory.md.
 *
 * Throughout, S is a random k×n matrix, M = S·E, and the row recovered for id i is (S·e_i)ᵀ·M.
 */

/** ln(9^d), the logarithm of the size of the ½-net over a d-dimensional space that Theorem 6 takes. */
export function lnNet(dim: number): number {
  return dim * Math.log(9);
}

/** ln(9^d + n), the logarithm of the number of points of Theorem 7. */
export function lnNetAndRows(dim: number, rows: number): number {
  const net = lnNet(dim);
  const points = Math.log(rows);
  const larger = Math.max(net, points);
  return larger + Math.log1p(Math.exp(Math.min(net, points) - larger));
}

/**
 * Rows k that make S, Gaussian or Achlioptas, a JLT(ε, δ, f).
 *
 * Both satisfy Pr[| |S·u|² − 1 | > ε] ≤ 2·exp(−k(ε²/4 − ε³/6)) for a unit vector u (Achlioptas 2003). An inner product of unit vectors v and w
 * is off by at most ε when |S(v + w)|² and |S(v − w)|² are off by at most a fraction ε; f points have at most f² such sums and differences.
 * @param epsilon in (0, 1]
 * @param lnPoints ln f
 */
export function jltRows(epsilon: number, lnPoints: number, delta: number): number {
  return Math.ceil(tailExponent(lnPoints, delta) / (epsilon ** 2 / 4 - epsilon ** 3 / 6));
}

/** The smallest ε for which k rows are a JLT(ε, δ, f); undefined when k is too small for any ε ≤ 1. */
export function jltEpsilon(k: number, lnPoints: number, delta: number): number | undefined {
  const wanted = tailExponent(lnPoints, delta) / k;
  if (wanted > 1 / 4 - 1 / 6) return undefined;
  let low = 0;
  let high = 1;
  // ε²/4 − ε³/6 grows on [0, 1]; fifty halvings exhaust a double.
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (middle ** 2 / 4 - middle ** 3 / 6 < wanted) low = middle;
    else high = middle;
  }
  return high;
}

/** ln(2f²/δ) */
function tailExponent(lnPoints: number, delta: number): number {
  return 2 * lnPoints + Math.log(2 / delta);
}

/**
 * What a net costs. A unit vector is a sum of net points shrinking by halves, so an inner product that is right up to ε on the net is right
 * up to 2ε when one side may be any vector of the space (Theorem 7), and up to 4ε when both may (Theorem 6).
 */
export const NET_FACTOR = { macro: 4, micro: 2 } as const;

/** Theorem 6: rows k for a Macro (ε, δ)-PSS, through the ½-net. */
export function macroRows(dim: number, epsilon: number, delta: number): number {
  return jltRows(epsilon / NET_FACTOR.macro, lnNet(dim), delta);
}

/** Theorem 6 read the other way: the ε that k rows promise, if any. */
export function macroEpsilon(k: number, dim: number, delta: number): number | undefined {
  return scaled(jltEpsilon(k, lnNet(dim), delta), NET_FACTOR.macro);
}

/** Theorem 7: rows k for a Micro (ε, δ, ρ)-PSS of n rows. */
export function microRows(rows: number, dim: number, epsilon: number, delta: number, rho: number): number {
  return jltRows((rho * epsilon) / NET_FACTOR.micro, lnNetAndRows(dim, rows), delta);
}

/** Theorem 7 read the other way. */
export function microEpsilon(
  k: number,
  rows: number,
  dim: number,
  delta: number,
  rho: number,
): number | undefined {
  return scaled(jltEpsilon(k, lnNetAndRows(dim, rows), delta), NET_FACTOR.micro / rho);
}

/**
 * The same for a Gaussian S without a net: the singular values of a k×d Gaussian matrix over √k lie within
 * 1 ± (√(d/k) + √(2 ln(2/δ)/k)) with probability 1 − δ (Davidson and Szarek 2001), so every inner product in a d-dimensional space is off by at
 * most 2s + s².
 */
export function gaussianMacroEpsilon(k: number, dim: number, delta: number): number {
  const s = (Math.sqrt(dim) + Math.sqrt(2 * Math.log(2 / delta))) / Math.sqrt(k);
  return 2 * s + s * s;
}

export function gaussianMacroRows(dim: number, epsilon: number, delta: number): number {
  const s = Math.sqrt(1 + epsilon) - 1;
  return Math.ceil(((Math.sqrt(dim) + Math.sqrt(2 * Math.log(2 / delta))) / s) ** 2);
}

/** Theorem 7 likewise: for each of n rows the space spanned by its axis and the columns of E, each with probability 1 − δ/n. */
export function gaussianMicroEpsilon(
  k: number,
  rows: number,
  dim: number,
  delta: number,
  rho: number,
): number {
  return gaussianMacroEpsilon(k, dim + 1, delta / rows) / rho;
}

export function gaussianMicroRows(
  rows: number,
  dim: number,
  epsilon: number,
  delta: number,
  rho: number,
): number {
  return gaussianMacroRows(dim + 1, rho * epsilon, delta / rows);
}

/** Theorem 4: what a micro error of ε means for inner products of two embeddings. */
export function pairEpsilon(epsilon: number): number {
  return epsilon * epsilon + 2 * epsilon;
}

/** Most rows that can have an importance above ρ: their squared norms add up to at most |E|²_F ≤ d·σ². */
export function mostImportantRows(dim: number, rho: number): number {
  return Math.floor(dim / (rho * rho));
}

function scaled(epsilon: number | undefined, factor: number): number | undefined {
  return epsilon === undefined ? undefined : epsilon * factor;
}
