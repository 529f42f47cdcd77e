import type { OptimizerConfig } from '../config/schema.ts';

/** Smallest rate a decay goes down to. */
const FLOOR = 1e-7;

/**
 * Learning rate of a step, as facebookresearch/dlrm's policy sets it: linear warm-up, (s / warmupSteps)·lr; from `decayStart` a polynomial,
 * ((decaySteps − d) / decaySteps)^decayPower·lr after d steps of decay, at least 1e-7; after the decay its last value.
 * (Between the two that code stays at the last warm-up value, a hair under lr; here it is lr.)
 * @param step number of the step, from 1
 */
export function learningRate(step: number, optimizer: OptimizerConfig): number {
  const { learningRate: rate, warmupSteps, decayStart, decaySteps, decayPower } = optimizer;
  if (step < warmupSteps) return rate * (step / warmupSteps);
  if (decaySteps === 0 || step < decayStart) return rate;
  const decayed = Math.min(step - decayStart, decaySteps - 1);
  return Math.max(Math.min(FLOOR, rate), rate * ((decaySteps - decayed) / decaySteps) ** decayPower);
}

/** Learning rates of the steps from `first` to `last`. */
export function learningRates(first: number, last: number, optimizer: OptimizerConfig): Float64Array {
  return Float64Array.from({ length: last - first + 1 }, (_, i) => learningRate(first + i, optimizer));
}
