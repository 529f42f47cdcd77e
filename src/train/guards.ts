import { PssError } from '../errors.ts';
import type { EvaluationResult } from '../metrics/evaluation-metrics.ts';

/** Evaluations in a row at AUC 0.5 that stop a run. */
const STUCK_EVALUATIONS = 5;
/** How close to a half counts as stuck. */
const STUCK_DISTANCE = 0.002;
/** Above this standard error, an AUC near a half says too little. */
const STUCK_MAX_NOISE = 0.01;
/** Fewer rows can share one score by chance of the data. */
const CONSTANT_MIN_ROWS = 64;

/**
 * Stops a run whose loss isn't a number.
 * @param losses of the steps just run
 * @param firstStep number of the first of them
 * @throws PssError ERR_DIVERGED
 */
export function guardLosses(losses: Float64Array, firstStep: number, rates: Float64Array): void {
  const at = losses.findIndex((loss) => !Number.isFinite(loss));
  if (at < 0) return;
  throw new PssError(
    'ERR_DIVERGED',
    `The loss became ${losses[at]} at step ${firstStep + at} with learning rate ${rates[at]}: training diverged; lower optimizer.learningRate or give it optimizer.warmupSteps (checkpoints written before are kept).`,
  );
}

/**
 * Stops a run whose scores have become useless.
 * @param stuckBefore evaluations in a row, before this one, whose AUC was a half
 * @returns the same count with this one
 * @throws PssError ERR_DIVERGED, ERR_CONSTANT_SCORES, ERR_STUCK_AUC
 */
export function guardEvaluation(result: EvaluationResult, step: number, stuckBefore: number): number {
  if (result.notFinite > 0) {
    throw new PssError(
      'ERR_DIVERGED',
      `${result.notFinite} of ${result.rows} evaluated rows got a score that is no finite number at step ${step}: training diverged; lower optimizer.learningRate.`,
    );
  }
  if (result.constantScores && result.rows >= CONSTANT_MIN_ROWS) {
    throw new PssError(
      'ERR_CONSTANT_SCORES',
      `All ${result.rows} evaluated rows got the same score at step ${step}: the ReLU layers have died, most likely of too large steps; lower optimizer.learningRate or give it optimizer.warmupSteps.`,
    );
  }
  if (result.auc === null || result.aucNoise === null || result.aucNoise > STUCK_MAX_NOISE) return 0;
  if (Math.abs(result.auc - 0.5) > STUCK_DISTANCE) return 0;
  const stuck = stuckBefore + 1;
  if (stuck >= STUCK_EVALUATIONS) {
    throw new PssError(
      'ERR_STUCK_AUC',
      `The AUC was 0.5 in ${stuck} evaluations in a row, up to step ${step}: the model learns nothing that holds for the evaluated rows; check that labels belong to their rows, that data.train and data.eval were prepared together, and that optimizer.learningRate isn't far too small or too large.`,
    );
  }
  return stuck;
}

/**
 * Refuses training data of which nothing can be learnt.
 * @throws PssError ERR_LABELS
 */
export function guardLabels(data: { readonly rows: number; readonly clicks: number }): void {
  if (data.clicks > 0 && data.clicks < data.rows) return;
  throw new PssError(
    'ERR_LABELS',
    `All ${data.rows} training rows have the label ${data.clicks > 0 ? 1 : 0}, so there is nothing to learn; check the first column of the raw files.`,
  );
}

/** Adds the likely cause to an engine's error about ids; others pass unchanged. */
export function explainEngineError(error: unknown): unknown {
  const { code, message } = error as { code?: string; message?: string };
  if (code !== 'ERR_ID_RANGE' || error instanceof PssError) return error;
  return new PssError(
    'ERR_ID_RANGE',
    `${String(message).replace(/\.$/, '')}: the rows were prepared with another vocabulary than the model's; prepare training and evaluation data in one run of "pss prepare".`,
    { cause: error },
  );
}
