/** How a set of errors is spread. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Quantiles by nearest rank.
 * @param errors sorted in place; without any, every quantile is NaN
 */
export function quantiles(errors: Float64Array): Quantiles {
  errors.sort();
  const at = (p: number) => errors[Math.max(0, Math.ceil(p * errors.length) - 1)] ?? Number.NaN;
  return { count: errors.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
