import type { EvaluationResult } from '../metrics/evaluation-metrics.ts';

/** One line on how good the scores are. */
export function describeEvaluation(result: EvaluationResult): string {
  const { auc, logLoss, baselineLogLoss, calibration, rows } = result;
  const parts = [
    `AUC ${auc === null ? 'undefined (one label only)' : auc.toFixed(5)}`,
    `log loss ${logLoss.toFixed(5)} (constant prediction ${baselineLogLoss.toFixed(5)})`,
    `calibration ${calibration === null ? 'undefined (no clicks)' : calibration.toFixed(4)}`,
  ];
  return `${parts.join(', ')} on ${rows} rows.`;
}
