import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { newestModelPath, readEvents, readTensors } from './read-run.ts';
import { runPss } from './run-pss.ts';
import { sharedPath } from './shared-folder.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** What a reference run, computed outside this project, came to. */
export interface GoldenRun {
  readonly trainRows: number;
  readonly losses: number[];
  readonly evalAuc: number;
  readonly evalLogLoss: number;
  readonly logits: number[];
}

/** `expected.json` of a reference run. */
export function readGolden(name: string): GoldenRun {
  return JSON.parse(readFileSync(sharedPath('golden', name, 'expected.json'), 'utf8')) as GoldenRun;
}

/** Runs a command in a folder and expects it to succeed. */
export function succeed(cwd: string, args: readonly string[], env: Record<string, string> = {}): string {
  const { code, stdout, stderr } = runPss(args, { cwd, env });
  assert.is(code, 0, stderr);
  return stdout;
}

/** A new folder with the prepared data of a reference run in `shards`. */
export function prepareGolden(name: string): string {
  const cwd = temporaryFolder();
  const { trainRows } = readGolden(name);
  const rows = sharedPath('golden', name, 'rows.tsv');
  succeed(cwd, ['prepare', rows, '--out', 'shards', '--ids', 'vocab', '--split', `head:${trainRows}`]);
  return cwd;
}

/**
 * Trains a reference run's model from its initial weights through the command line and checks losses, scores and weights.
 * @param sets `--set` arguments, e.g. another device
 * @returns the events of the run
 */
export function checkGoldenTraining(
  name: string,
  sets: readonly string[] = [],
  env: Record<string, string> = {},
): readonly Record<string, unknown>[] {
  const expected = readGolden(name);
  const cwd = prepareGolden(name);
  const file = (what: string) => sharedPath('golden', name, what);
  const args = ['--config', file('config.yaml'), '--init', file('init.safetensors'), '--run-dir', 'run'];
  succeed(cwd, ['train', ...args, ...sets.flatMap((set) => ['--set', set])], env);

  const events = readEvents(join(cwd, 'run'));
  const losses = events.filter(({ event }) => event === 'step').map(({ loss }) => loss as number);
  assert.is(losses.length, expected.losses.length);
  losses.forEach((loss, i) => {
    const wanted = expected.losses[i] as number;
    assert.ok(Math.abs(loss - wanted) <= 2e-5 * wanted, `loss of step ${i + 1}: ${loss}, not ${wanted}`);
  });
  const evaluation = events.find(({ event }) => event === 'eval') as Record<string, number>;
  assert.ok(Math.abs((evaluation['auc'] as number) - expected.evalAuc) <= 1e-4);
  assert.ok(Math.abs((evaluation['logLoss'] as number) - expected.evalLogLoss) <= 1e-5);

  const weights = readTensors(newestModelPath(join(cwd, 'run')));
  const reference = readTensors(file('final.safetensors'));
  assert.equal([...weights.keys()].sort(), [...reference.keys()].sort());
  for (const [tensor, wanted] of reference) {
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const got = weights.get(tensor) as Float32Array;
    assert.is(got.length, wanted.length);
    const apart = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - (got[i] as number))), 0);
    assert.ok(apart <= 1e-4 * largest, `${tensor} is ${apart} away, its largest value is ${largest}`);
  }
  return events;
}
