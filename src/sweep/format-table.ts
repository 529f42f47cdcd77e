import type { SweepPlan } from './plan-sweep.ts';
import { COMPRESSION_AXIS } from './sweep-schema.ts';
import type { Spread, SweepOutcome, TableRow } from './sweep-table.ts';

/** A table of text: a heading for each column, then rows. */
export type Cells = readonly (readonly string[])[];

/** What a value that isn't there is shown as: a target not reached, a run that failed. */
const NONE = '-';

/** One row a variant: the paper's measures as columns. */
export function listCells(plan: Pick<SweepPlan, 'axes'>, rows: readonly TableRow[]): Cells {
  const axes = Object.keys(rows[0]?.labels ?? {}).sort((a, b) => plan.axes.indexOf(a) - plan.axes.indexOf(b));
  return [
    [
      ...axes,
      'best AUC',
      'target',
      'epochs to target (A)',
      's per 1000 iterations (B)',
      'A·B, relative',
      's per evaluation',
    ],
    ...rows.map((row) => [
      ...axes.map((axis) => row.labels[axis] ?? NONE),
      formatSpread(row.bestAuc, 4),
      row.target?.toFixed(4) ?? NONE,
      formatSpread(row.epochsToTarget, 2),
      formatSpread(row.secondsPer1000, 2),
      row.relativeTime?.toFixed(2) ?? NONE,
      formatSpread(row.secondsPerEvaluation, 2),
    ]),
  ];
}

/**
 * The form of the paper's tables: compressions side by side. For each combination of the other axes a row of qualities and one of
 * epochs (Table 3), then those of times (Table 4).
 * @returns undefined when compression isn't varied
 */
export function compressionCells(plan: SweepPlan, rows: readonly TableRow[]): Cells | undefined {
  if (!plan.axes.includes(COMPRESSION_AXIS)) return undefined;
  const compressions = [...new Set(rows.map(({ labels }) => labels[COMPRESSION_AXIS] ?? NONE))];
  const nameOf = ({ labels }: TableRow) =>
    Object.entries(labels)
      .filter(([axis]) => axis !== COMPRESSION_AXIS)
      .map(([, label]) => label)
      .join(', ');
  const names = [...new Set(rows.map(nameOf))];
  const measures: [string, (row: TableRow) => string][] = [
    ['best AUC', (row) => formatSpread(row.bestAuc, 4)],
    ['epochs to target (A)', (row) => formatSpread(row.epochsToTarget, 2)],
    ['s per 1000 iterations (B)', (row) => formatSpread(row.secondsPer1000, 2)],
    ['A·B, relative', (row) => row.relativeTime?.toFixed(2) ?? NONE],
    ['s per evaluation', (row) => formatSpread(row.secondsPerEvaluation, 2)],
  ];
  const named = names.some((name) => name !== '');
  return [
    [...(named ? [''] : []), '', 'target', ...compressions],
    ...measures.flatMap(([measure, show]) =>
      names.map((name) => {
        const own = rows.filter((row) => nameOf(row) === name);
        const cells = compressions.map((each) => {
          const row = own.find(({ labels }) => labels[COMPRESSION_AXIS] === each);
          return row ? show(row) : NONE;
        });
        return [...(named ? [name] : []), measure, own[0]?.target?.toFixed(4) ?? NONE, ...cells];
      }),
    ),
  ];
}

/** Columns padded to one width, for a terminal. */
export function toText(cells: Cells): string[] {
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? '').length)),
  );
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function toMarkdown(cells: Cells): string {
  const line = (row: readonly string[]) =>
    `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const [heading = [], ...rows] = cells;
  return `${[line(heading), `|${heading.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')}\n`;
}

/** Comma-separated with a row a variant, means and deviations apart, and all digits. */
export function toCsv(plan: SweepPlan, rows: readonly TableRow[]): string {
  const axes = plan.axes.filter((axis) => axis !== 'seed');
  const names = ['seeds', 'failed', 'target', 'relative_time', 'embedding_bytes'];
  const spreads = ['best_auc', 'epochs_to_target', 'seconds_per_1000', 'seconds_per_evaluation'];
  const heading = [...axes, ...names, ...spreads.flatMap((name) => [name, `${name}_deviation`])];
  const lines = rows.map((row) => {
    const values = [row.seeds, row.failed, row.target, row.relativeTime, row.embeddingBytes];
    const pairs = [row.bestAuc, row.epochsToTarget, row.secondsPer1000, row.secondsPerEvaluation];
    return [
      ...axes.map((axis) => row.labels[axis] ?? ''),
      ...values,
      ...pairs.flatMap((pair) => [pair?.mean, pair?.deviation]),
    ];
  });
  return [heading, ...lines].map((line) => `${line.map(csvField).join(',')}\n`).join('');
}

/** One JSON object a run. */
export function toJsonLines(outcomes: readonly SweepOutcome[]): string {
  return outcomes
    .map(({ run, result, measuredSecondsPer1000 }) => {
      const { aucs, ...numbers } = result ?? {};
      const measured = measuredSecondsPer1000 === undefined ? {} : { measuredSecondsPer1000 };
      const line = {
        run: run.name,
        labels: run.labels,
        failed: result === null,
        ...numbers,
        ...measured,
        aucs,
      };
      return `${JSON.stringify(line)}\n`;
    })
    .join('');
}

function csvField(value: unknown): string {
  const text = String(value ?? '');
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function formatSpread(spread: Spread | null, digits: number): string {
  if (spread === null) return NONE;
  const mean = spread.mean.toFixed(digits);
  return spread.deviation === null ? mean : `${mean} ± ${spread.deviation.toFixed(digits)}`;
}
