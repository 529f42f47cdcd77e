import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Reporter } from '../train/reporter.ts';
import { timeSteps } from '../train/time-steps.ts';
import type { SweepPlan } from './plan-sweep.ts';
import { median } from './run-result.ts';
import { writeSweepFile } from './run-sweep.ts';

/** Every variant has its turn so often: what disturbs the machine for a while then disturbs all of them, and the median leaves it out. */
const ROUNDS = 5;

/**
 * Measures B, the seconds of 1000 iterations, by training every variant of a sweep anew with all cores, for `steps` steps in rounds in which each
 * has its turn, and taking the median of the rounds. Seeds don't change the work, so the first of a variant's stands for all.
 * @returns seconds by name of the run; incomplete when the signal came
 */
export async function timeRuns(
  plan: SweepPlan,
  steps: number,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const variants = new Map<string, { config: Config; names: string[]; rounds: number[] }>();
  for (const { name, config } of plan.runs) {
    const { seed: _, name: __, ...rest } = config;
    const key = JSON.stringify(rest);
    const variant = variants.get(key) ?? { config, names: [], rounds: [] };
    variant.names.push(name);
    variants.set(key, variant);
  }
  const order = [...variants.values()];
  const total = order.length * ROUNDS;
  const progress = reporter.progress({ title: 'timing', total, unit: 'turns' });
  try {
    for (let turn = 0; turn < total && !signal.aborted; turn++) {
      const variant = order[turn % order.length] as (typeof order)[number];
      variant.rounds.push(await timeSteps(variant.config, Math.ceil(steps / ROUNDS)));
      progress.update(turn + 1);
      // There and back, so that none always follows the same other one.
      if ((turn + 1) % order.length === 0) order.reverse();
    }
  } finally {
    progress.stop();
  }
  const seconds = new Map<string, number>();
  for (const { names, rounds } of variants.values()) {
    if (rounds.length < ROUNDS) continue;
    const typical = median(rounds);
    for (const name of names) seconds.set(name, typical);
    reporter.info(
      `${names[0]}: ${typical.toFixed(2)} s for 1000 iterations (${Math.min(...rounds).toFixed(2)} to ${Math.max(...rounds).toFixed(2)} in ${ROUNDS} rounds)`,
    );
  }
  return seconds;
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
