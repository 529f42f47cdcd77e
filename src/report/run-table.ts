import { formatDuration, formatQuantity } from '../format/quantity.ts';
import { summarizeRun } from '../sweep/run-result.ts';
import type { ReportRun } from './report-run.ts';

/** Columns of the table of runs, after the name. */
export const RUN_HEADING = [
  'run',
  'best AUC',
  'its log loss',
  'epochs',
  'embeddings',
  'parameters',
  'training',
  's per 1000 iterations',
  'ended',
];

/** What the table says of a run. */
export function runCells({ history }: ReportRun): string[] {
  const { evaluations, end, steps } = history;
  const result = summarizeRun(history);
  const best = evaluations.find(({ auc }) => auc === result.bestAuc);
  return [
    result.bestAuc?.toFixed(4) ?? '-',
    best?.logLoss.toFixed(4) ?? '-',
    (evaluations.at(-1)?.epoch ?? steps.at(-1)?.epoch ?? 0).toFixed(2),
    formatQuantity(result.embeddingBytes, 'bytes'),
    formatQuantity(result.parameters, 'floats'),
    end ? formatDuration(end.trainSeconds) : '-',
    result.secondsPer1000?.toFixed(2) ?? '-',
    end?.reason ?? 'not yet',
  ];
}
