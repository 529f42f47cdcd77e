import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expandDataPaths } from '../config/data-paths.ts';
import { Dataset } from '../reader/dataset.ts';
import { readRunLog } from '../run-log/read-run-log.ts';
import type { Reporter } from '../train/reporter.ts';
import { startTraining } from '../train/run-training.ts';
import type { PlannedRun, SweepPlan } from './plan-sweep.ts';
import { summarizeRun } from './run-result.ts';
import { writeSweepFile } from './run-sweep.ts';

/** Steps between two readings of the clock. */
const READING_STEPS = 50;

/**
 * Measures B, the seconds of 1000 iterations, by training every variant of a sweep anew for some steps with all cores, one after another.
 * Seeds don't change the work, so the first of a variant's stands for all.
 * @returns seconds by name of the run
 */
export async function timeRuns(
  plan: SweepPlan,
  steps: number,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const seconds = new Map<string, number>();
  const variants = new Map<string, number>();
  for (const run of plan.runs) {
    const { seed: _, ...config } = run.config;
    const key = JSON.stringify(config);
    const known = variants.get(key);
    const measured = known ?? (await timeRun(run, steps, signal));
    if (measured === undefined || signal.aborted) break;
    if (known === undefined) reporter.info(`${run.name}: ${measured.toFixed(2)} s for 1000 iterations`);
    variants.set(key, measured);
    seconds.set(run.name, measured);
  }
  return seconds;
}

async function timeRun(
  { config }: PlannedRun,
  steps: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'pss-timing-'));
  try {
    const data = await Dataset.open(expandDataPaths(config.data.train, 'data.train'));
    const epochs = (steps * config.data.batchSize) / data.rows;
    await data.close();
    const { targetAuc: _, ...train } = config.train;
    const only = { epochs, evalEvery: 0, checkpointEvery: 0, stopAtTarget: false, logEvery: READING_STEPS };
    const runDir = join(folder, 'run');
    await startTraining({ config: { ...config, train: { ...train, ...only } }, runDir }, { signal });
    return summarizeRun(await readRunLog(runDir)).secondsPer1000 ?? undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const TIMES_NAME = 'times.json';

/** Keeps measured times with a sweep. */
export function storeTimes(folder: string, seconds: ReadonlyMap<string, number>): Promise<void> {
  return writeSweepFile(folder, TIMES_NAME, `${JSON.stringify(Object.fromEntries(seconds), null, 2)}\n`);
}

/** The times last measured for a sweep; empty when none were. */
export async function readTimes(folder: string): Promise<Map<string, number>> {
  const text = await readFile(join(folder, TIMES_NAME), 'utf8').catch(() => '{}');
  return new Map(Object.entries(JSON.parse(text) as Record<string, number>));
}
