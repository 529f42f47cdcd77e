import type { PlannedRun, SweepPlan } from './plan-sweep.ts';
import { ORIGINAL } from './plan-sweep.ts';
import { epochsToTarget, type RunResult } from './run-result.ts';
import { COMPRESSION_AXIS } from './sweep-schema.ts';

/** A mean over seeds, and the standard deviation among them. */
export interface Spread {
  readonly mean: number;
  /** Null for a single seed. */
  readonly deviation: number | null;
}

/** The runs that differ in nothing but their seed. */
export interface TableRow {
  /** The values on all axes but the seed's. */
  readonly labels: Readonly<Record<string, string>>;
  readonly seeds: number;
  /** Runs that ended with an error. */
  readonly failed: number;
  readonly bestAuc: Spread | null;
  /** The AUC that was to be reached. */
  readonly target: number | null;
  /** A: over the seeds that reached the target; null when one of them didn't. */
  readonly epochsToTarget: Spread | null;
  /** B */
  readonly secondsPer1000: Spread | null;
  /** A·B over that of the original, or of the first row where there is no original. */
  readonly relativeTime: number | null;
  /** Inference over all rows of data.eval. */
  readonly secondsPerEvaluation: Spread | null;
  readonly embeddingBytes: number | null;
}

/** A run with what came of it: a failure has no result. */
export interface SweepOutcome {
  readonly run: Pick<PlannedRun, 'name' | 'labels'>;
  readonly result: RunResult | null;
  /** B measured apart from the run, if it was. */
  readonly measuredSecondsPer1000?: number | undefined;
}

const SEED_AXIS = 'seed';

/** The table of a sweep, a row for each combination of values, in the order of the runs. */
export function buildTable(plan: Pick<SweepPlan, 'target'>, outcomes: readonly SweepOutcome[]): TableRow[] {
  const groups = groupBy(outcomes, ({ run }) => labelKey(run.labels, [SEED_AXIS]));
  const rows = groups.map((members) => {
    const target = targetOf(plan, (members[0] as SweepOutcome).run, outcomes);
    return { members, ...summarize(members, target) };
  });
  return rows.map(({ members: _, cost, ...row }) => {
    const key = labelKey(row.labels, [COMPRESSION_AXIS]);
    const peers = rows.filter(({ labels }) => labelKey(labels, [COMPRESSION_AXIS]) === key);
    const reference = peers.find(({ labels }) => labels[COMPRESSION_AXIS] === ORIGINAL) ?? rows[0];
    const whole = reference?.cost ?? null;
    return { ...row, relativeTime: cost === null || whole === null ? null : cost / whole };
  });
}

/** The AUC to reach: a number of the sweep's, or the lowest best one among the original's seeds, cut to four places. */
function targetOf(
  plan: Pick<SweepPlan, 'target'>,
  run: SweepOutcome['run'],
  outcomes: readonly SweepOutcome[],
): number | null {
  if (plan.target !== 'original') return plan.target;
  const without = [SEED_AXIS, COMPRESSION_AXIS];
  const originals = outcomes.filter(
    ({ run: { labels } }) =>
      (labels[COMPRESSION_AXIS] ?? ORIGINAL) === ORIGINAL &&
      labelKey(labels, without) === labelKey(run.labels, without),
  );
  const best = originals.flatMap(({ result }) => result?.bestAuc ?? []);
  return best.length === 0 ? null : Math.floor(Math.min(...best) * 1e4) / 1e4;
}

function summarize(members: readonly SweepOutcome[], target: number | null) {
  const results = members.flatMap(({ result }) => (result === null ? [] : [result]));
  const epochs = results.flatMap((result) => (target === null ? [] : (epochsToTarget(result, target) ?? [])));
  const seconds = members.flatMap(
    ({ result, measuredSecondsPer1000 }) => measuredSecondsPer1000 ?? result?.secondsPer1000 ?? [],
  );
  const reached = epochs.length === members.length ? spread(epochs) : null;
  const time = spread(seconds);
  const { [SEED_AXIS]: _, ...labels } = (members[0] as SweepOutcome).run.labels;
  return {
    labels,
    seeds: members.length,
    failed: members.length - results.length,
    bestAuc: spread(results.flatMap(({ bestAuc }) => bestAuc ?? [])),
    target,
    epochsToTarget: reached,
    secondsPer1000: time,
    secondsPerEvaluation: spread(results.flatMap((result) => result.secondsPerEvaluation ?? [])),
    embeddingBytes: results[0]?.embeddingBytes ?? null,
    cost: reached === null || time === null ? null : reached.mean * time.mean,
  };
}

function spread(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length === 1 ? null : Math.sqrt(squares / (values.length - 1)) };
}

function labelKey(labels: Readonly<Record<string, string>>, without: readonly string[]): string {
  return JSON.stringify(
    Object.entries(labels)
      .filter(([axis]) => !without.includes(axis))
      .sort(),
  );
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}
