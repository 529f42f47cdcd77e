import type { RunHistory } from '../run-log/read-run-log.ts';

/** What a sweep's table needs to know of a run. */
export interface RunResult {
  readonly bestAuc: number | null;
  /** Evaluations in order. */
  readonly aucs: readonly { readonly epoch: number; readonly auc: number }[];
  /** Median over the step events, waiting for data included; null when the run was too short to have any. */
  readonly secondsPer1000: number | null;
  /** Median time of an evaluation, which is inference over all rows of data.eval; null when there was none. */
  readonly secondsPerEvaluation: number | null;
  /** Floats the model learns. */
  readonly parameters: number;
  readonly embeddingBytes: number;
  readonly trainSeconds: number;
}

/** Sums up a run's log. */
export function summarizeRun({ start, steps, evaluations, end }: RunHistory): RunResult {
  const aucs = evaluations.flatMap(({ epoch, auc }) => (auc === null ? [] : [{ epoch, auc }]));
  const { data } = start.config as { data: { batchSize: number } };
  // The first event has the engine's first steps in it, which are slower.
  const speeds = steps.slice(steps.length > 1 ? 1 : 0).map(({ samplesPerSecond }) => samplesPerSecond);
  const times = evaluations.map(({ durationMs }) => durationMs);
  return {
    bestAuc: aucs.length === 0 ? null : Math.max(...aucs.map(({ auc }) => auc)),
    aucs,
    secondsPer1000: speeds.length === 0 ? null : (1000 * data.batchSize) / median(speeds),
    secondsPerEvaluation: times.length === 0 ? null : median(times) / 1000,
    parameters: start.parameters,
    embeddingBytes: start.embeddingBytes,
    trainSeconds: end?.trainSeconds ?? 0,
  };
}

/** Epochs at the first evaluation that reaches `target`, or null. */
export function epochsToTarget(result: RunResult, target: number): number | null {
  return result.aucs.find(({ auc }) => auc >= target)?.epoch ?? null;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
