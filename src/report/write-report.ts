import { rename, writeFile } from 'node:fs/promises';
import { fileProblem, PssError } from '../errors.ts';
import { listCells } from '../sweep/format-table.ts';
import type { StoredTable } from '../sweep/stored-table.ts';
import { configDifferences } from './config-difference.ts';
import { courseFigures } from './course-figures.ts';
import { colour, type Figure } from './figure.ts';
import { type Cell, escapeHtml, table } from './html.ts';
import { renderFigure, renderPage, type Section } from './page.ts';
import { benchPartsFigure, runPartsFigure } from './parts-figure.ts';
import type { ReportRun } from './report-run.ts';
import { rowsOfRuns } from './rows-of-runs.ts';
import { RUN_HEADING, runCells } from './run-table.ts';
import { type ReportSources, readSources } from './sources.ts';
import { tradeOffFigure } from './trade-off-figure.ts';

/**
 * Writes one HTML page about runs, sweeps and benchmarks that needs nothing but itself. The same inputs give the same bytes.
 * @param paths directories of runs, folders of sweeps, files of `pss bench --json`
 * @param out written beside first, then renamed
 * @throws PssError ERR_REPORT, ERR_RUN_LOG, ERR_OUTPUT
 */
export async function writeReport(paths: readonly string[], out: string): Promise<ReportSources> {
  const sources = await readSources(paths);
  const text = await renderReport(sources);
  try {
    await writeFile(`${out}.partial`, text, { flush: true });
    await rename(`${out}.partial`, out);
  } catch (cause) {
    throw new PssError('ERR_OUTPUT', `Cannot write ${out}: ${fileProblem(cause)}; choose another --out.`, {
      cause,
    });
  }
  return sources;
}

async function renderReport({ runs, tables, benches }: ReportSources): Promise<string> {
  const sections: Section[] = [];
  const add = async (figures: readonly Figure[]) => {
    for (const figure of figures)
      sections.push({ heading: figure.title, content: await renderFigure(figure) });
  };
  for (const stored of tables) sections.push(sweepSection(stored));
  if (tables.length > 0) {
    for (const [i, { rows }] of tables.entries()) await add(tradeOffFigure(rows, `trade-off-${i + 1}`));
  } else await add(tradeOffFigure(rowsOfRuns(runs), 'trade-off'));
  if (runs.length > 0) {
    await add(courseFigures(runs, targetOf(runs, tables)));
    sections.push(runSection(runs));
    await add(runPartsFigure(runs));
  }
  await add(benchPartsFigure(benches));
  const differences = configDifferences(runs);
  if (differences.length > 0) sections.push(differenceSection(runs, differences));
  return renderPage(titleOf(runs, tables), introductionOf(runs), sections);
}

function sweepSection({ name, axes, rows }: StoredTable): Section {
  const [heading = [], ...cells] = listCells({ axes }, rows);
  return { heading: `Sweep ${name}`, content: table(heading, cells) };
}

function runSection(runs: readonly ReportRun[]): Section {
  const rows = runs.map((run, i): Cell[] => [{ html: swatch(i, run.name) }, ...runCells(run)]);
  return { heading: 'Runs', content: table(RUN_HEADING, rows) };
}

function swatch(i: number, name: string): string {
  return `<span class="swatch" style="background:${colour(i)}"></span>${escapeHtml(name)}`;
}

function differenceSection(
  runs: readonly ReportRun[],
  differences: ReturnType<typeof configDifferences>,
): Section {
  const rows = differences.map(({ key, values }) => [key, ...values]);
  return {
    heading: 'Where the configurations differ',
    content: table(['key', ...runs.map(({ name }) => name)], rows),
  };
}

/** The target all figures can show: the sweep's, or what all runs agree on. */
function targetOf(runs: readonly ReportRun[], tables: readonly StoredTable[]): number | null {
  const own = runs.map(({ history }) => {
    const { train } = history.start.config as { train: { targetAuc?: number } };
    return train.targetAuc ?? null;
  });
  const targets = tables.length > 0 ? tables.flatMap(({ rows }) => rows.map(({ target }) => target)) : own;
  return new Set(targets).size === 1 ? (targets[0] ?? null) : null;
}

function titleOf(runs: readonly ReportRun[], tables: readonly StoredTable[]): string {
  if (tables.length > 0) return tables.map(({ name }) => name).join(', ');
  if (runs.length === 0) return 'Benchmarks';
  return runs.length === 1 ? (runs[0] as ReportRun).name : `${runs.length} runs`;
}

function introductionOf(runs: readonly ReportRun[]): string {
  if (runs.length === 0) return 'Measured by pss bench.';
  const devices = new Set(
    runs.map(({ history: { start } }) => `${start.deviceName}, ${start.threads} threads, ${start.precision}`),
  );
  const days = runs.map(({ history: { start } }) => start.time.slice(0, 10)).sort();
  const span = days[0] === days.at(-1) ? days[0] : `${days[0]} to ${days.at(-1)}`;
  return `${runs.length === 1 ? 'One run' : `${runs.length} runs`} of ${span}, on ${[...devices].join('; ')}.`;
}
