import { summarizeRun } from '../sweep/run-result.ts';
import { buildTable, type TableRow } from '../sweep/sweep-table.ts';
import type { ReportRun } from './report-run.ts';

/**
 * Runs that belong to no sweep as the rows of one: a row a run, with the AUC that all of them reached as the target, so that
 * each has a number of epochs.
 */
export function rowsOfRuns(runs: readonly ReportRun[]): TableRow[] {
  const results = runs.map(({ history }) => summarizeRun(history));
  const best = results.map(({ bestAuc }) => bestAuc ?? 0);
  const target = Math.floor(Math.min(...best) * 1e4) / 1e4;
  const outcomes = runs.map(({ name }, i) => ({
    run: { name, labels: { run: name } },
    result: results[i] ?? null,
  }));
  return buildTable({ target }, outcomes);
}
