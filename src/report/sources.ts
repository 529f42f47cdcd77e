import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { fileProblem, PssError, UsageError } from '../errors.ts';
import { readRunLog } from '../run-log/read-run-log.ts';
import { RUN_LOG_NAME } from '../run-log/run-log.ts';
import { readStoredTable, type StoredTable } from '../sweep/stored-table.ts';
import type { ReportRun } from './report-run.ts';

const benchRow = z.object({
  bench: z.string(),
  case: z.string(),
  medianMs: z.number(),
  memorySize: z.number().optional(),
  /** Absent from benchmarks of one thing alone. */
  parts: z.record(z.string(), z.number()).default({}),
});

/** A measurement of `pss bench`, as far as the report shows it. */
export type BenchParts = z.output<typeof benchRow>;

/** What a report is made of. */
export interface ReportSources {
  readonly runs: readonly ReportRun[];
  /** Tables of the sweeps among the arguments. */
  readonly tables: readonly StoredTable[];
  readonly benches: readonly BenchParts[];
}

/**
 * Reads what a report's arguments stand for: directories of runs, folders of sweeps, and files written by `pss bench --json`.
 * @throws PssError ERR_REPORT, ERR_RUN_LOG naming what can't be used
 */
export async function readSources(paths: readonly string[]): Promise<ReportSources> {
  const runs: ReportRun[] = [];
  const tables: StoredTable[] = [];
  const benches: BenchParts[] = [];
  for (const path of paths) {
    const info = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      throw new PssError(
        'ERR_REPORT',
        `Cannot read ${path}: ${fileProblem(cause)}; give a run, a sweep or a benchmark.`,
        {
          cause,
        },
      );
    });
    if (info.isFile()) {
      benches.push(...(await readBenches(path)));
      continue;
    }
    const names = await readdir(path);
    if (names.includes(RUN_LOG_NAME)) {
      runs.push({ name: basename(resolve(path)), history: await readRunLog(path) });
    } else if (names.includes('runs')) {
      runs.push(...(await sweepRuns(path)));
      const table = await readStoredTable(path);
      if (table) tables.push(table);
    } else {
      throw new PssError(
        'ERR_REPORT',
        `${path} is neither a run (it has no ${RUN_LOG_NAME}) nor a sweep; give the directory that train or sweep printed.`,
      );
    }
  }
  if (runs.length === 0 && benches.length === 0) {
    throw new UsageError('ERR_REPORT', 'There is nothing to report on; give runs, sweeps or benchmarks.');
  }
  return { runs: tellApart(runs), tables, benches };
}

/** The runs of a sweep that have begun, in the order they began. */
async function sweepRuns(folder: string): Promise<ReportRun[]> {
  const names = (await readdir(join(folder, 'runs'))).sort();
  const runs: ReportRun[] = [];
  for (const name of names) {
    const path = join(folder, 'runs', name);
    if ((await readdir(path)).includes(RUN_LOG_NAME)) runs.push({ name, history: await readRunLog(path) });
  }
  if (runs.length === 0) {
    throw new PssError('ERR_REPORT', `No run of the sweep ${folder} has begun; start it with pss sweep.`);
  }
  return runs.sort((a, b) => Date.parse(a.history.start.time) - Date.parse(b.history.start.time));
}

async function readBenches(path: string): Promise<BenchParts[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new PssError('ERR_REPORT', `Cannot read ${path}: ${fileProblem(cause)}; change its permissions.`, {
      cause,
    });
  });
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) {
    throw new PssError(
      'ERR_REPORT',
      `${path} is empty; give a file that "pss bench --json" wrote, or the directory of a run.`,
    );
  }
  return lines.map((line, i) => {
    try {
      return benchRow.parse(JSON.parse(line));
    } catch (cause) {
      throw new PssError(
        'ERR_REPORT',
        `${path}:${i + 1}: this line isn't a row of pss bench; give a file that "pss bench --json" wrote, or the directory of a run.`,
        { cause },
      );
    }
  });
}

/** Numbers names that stand more than once. */
function tellApart(runs: readonly ReportRun[]): ReportRun[] {
  const seen = new Map<string, number>();
  return runs.map((run) => {
    const count = (seen.get(run.name) ?? 0) + 1;
    seen.set(run.name, count);
    return count === 1 ? run : { ...run, name: `${run.name} (${count})` };
  });
}
