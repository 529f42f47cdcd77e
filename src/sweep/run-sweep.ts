import { access, rename, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { fileProblem, PssError, UsageError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import { readRunLog } from '../run-log/read-run-log.ts';
import type { Reporter } from '../train/reporter.ts';
import { checkResumable } from '../train/resume-rules.ts';
import { RUN_CONFIG_NAME, readRunConfig } from '../train/run-directory.ts';
import { resumeTraining, startTraining } from '../train/run-training.ts';
import type { PlannedRun, SweepPlan } from './plan-sweep.ts';
import { type RunResult, summarizeRun } from './run-result.ts';
import type { SweepOutcome } from './sweep-table.ts';

export interface SweepOptions {
  /** Folder of the sweep; runs go into `runs` below it. */
  readonly folder: string;
  /** Runs at a time; the cores are shared out among them. */
  readonly jobs: number;
  readonly reporter: Reporter;
  /** When aborted, the runs under way write a checkpoint and end. */
  readonly signal: AbortSignal;
}

/** Where a planned run lies. */
export function runFolder(folder: string, run: PlannedRun): string {
  return join(folder, 'runs', run.name);
}

/**
 * Does the runs of a sweep that aren't done yet, those cut off from their last checkpoint on, and reads what came of all.
 * A run that fails is told of and left; the others go on.
 * @returns an outcome for each planned run, in order, or undefined when the signal ended the sweep
 * @throws UsageError ERR_SWEEP when a run in the folder was begun with another configuration
 */
export async function runSweep(plan: SweepPlan, options: SweepOptions): Promise<SweepOutcome[] | undefined> {
  const { folder, jobs, reporter, signal } = options;
  for (const run of plan.runs) await checkSameRun(runFolder(folder, run), run.config);
  await makeFolder(join(folder, 'runs')).catch((cause: unknown) => {
    throw new PssError(
      'ERR_SWEEP',
      `Cannot write to ${folder}: ${fileProblem(cause)}; choose another --out.`,
      { cause },
    );
  });
  const results: (RunResult | null)[] = plan.runs.map(() => null);
  let next = 0;
  const work = async () => {
    while (next < plan.runs.length && !signal.aborted) {
      const at = next++;
      const run = plan.runs[at] as PlannedRun;
      const place = `[${at + 1}/${plan.runs.length}]`;
      results[at] = await doRun(run, place, options);
      if (!signal.aborted) reporter.info(`${place} ${run.name}: ${describeResult(results[at])}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, plan.runs.length) }, work));
  if (signal.aborted) return undefined;
  return plan.runs.map((run, at) => ({ run, result: results[at] ?? null }));
}

function describeResult(result: RunResult | null | undefined): string {
  if (!result) return 'failed';
  return `best AUC ${result.bestAuc?.toFixed(4) ?? 'unknown'}, ${result.trainSeconds.toFixed(1)} s of training`;
}

/** Writes a file of the sweep whole or not at all. */
export async function writeSweepFile(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  await writeFile(`${path}.partial`, text, { flush: true });
  await rename(`${path}.partial`, path);
}

async function doRun(run: PlannedRun, place: string, options: SweepOptions): Promise<RunResult | null> {
  const { folder, jobs, signal } = options;
  const runDir = runFolder(folder, run);
  const threads =
    run.config.threads === 'auto'
      ? Math.max(1, Math.floor(availableParallelism() / jobs))
      : run.config.threads;
  const config: Config = { ...run.config, threads };
  const around = { reporter: reporterOf(run, place, options), signal };
  try {
    if (!(await hasBegun(runDir))) await startTraining({ config, runDir }, around);
    else if (!(await isFinished(runDir, run.config))) await resumeTraining({ runDir, config }, around);
  } catch (error) {
    // A mistake in what was asked for would fail every other run too.
    if (!(error instanceof PssError) || error instanceof UsageError) throw error;
    options.reporter.warn(`Run ${run.name} failed: ${error.message}`);
  }
  return readResult(runDir);
}

/** Runs one after another show their own progress, by their place among all; several at a time would overwrite each other's. */
function reporterOf(run: PlannedRun, place: string, { jobs, reporter }: SweepOptions): Reporter {
  return {
    info: () => {},
    warn: (line) => reporter.warn(`${run.name}: ${line}`),
    progress: (bar) =>
      jobs === 1
        ? reporter.progress({ ...bar, title: `${place} ${run.name}` })
        : { update: () => {}, stop: () => {} },
  };
}

function hasBegun(runDir: string): Promise<boolean> {
  return access(join(runDir, RUN_CONFIG_NAME)).then(
    () => true,
    () => false,
  );
}

/** Whether a run has come to its end under the same configuration; one that is to be longer now hasn't. */
async function isFinished(runDir: string, config: Config): Promise<boolean> {
  const { end } = await readRunLog(runDir);
  if (end?.reason !== 'finished' && end?.reason !== 'target') return false;
  const comparable = (each: Config) => JSON.stringify({ ...each, threads: 'auto' });
  return comparable(await readRunConfig(runDir)) === comparable(config);
}

/** Null for a run that hasn't begun or has failed. */
async function readResult(runDir: string): Promise<RunResult | null> {
  if (!(await hasBegun(runDir))) return null;
  const log = await readRunLog(runDir).catch(() => undefined);
  return log === undefined || log.end?.reason === 'failed' ? null : summarizeRun(log);
}

async function checkSameRun(runDir: string, config: Config): Promise<void> {
  if (!(await hasBegun(runDir))) return;
  try {
    checkResumable(await readRunConfig(runDir), config);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(
      'ERR_SWEEP',
      `${runDir} was begun by another sweep: ${error.message} Or give another --out.`,
      { cause: error },
    );
  }
}
