import { readFileSync } from 'node:fs';
import { dirname, join, parse } from 'node:path';
import { type Config, parseConfig } from '../config/config.ts';
import { OWN_KEYS } from '../config/embedding-rules.ts';
import { readSource } from '../config/source.ts';
import { fileProblem, UsageError } from '../errors.ts';
import { axisKey, COMPRESSION_AXIS, parseSweepGroup, type SweepGroup } from './sweep-schema.ts';

/** One run of a sweep. */
export interface PlannedRun {
  /** Names its folder. */
  readonly name: string;
  /** Its value on every axis, as the file has it. */
  readonly labels: Readonly<Record<string, string>>;
  readonly config: Config;
}

/** Everything a sweep will do. */
export interface SweepPlan {
  readonly name: string;
  readonly axes: readonly string[];
  /** AUC whose epochs are counted: a number, or what the original reaches. */
  readonly target: number | 'original';
  readonly runs: readonly PlannedRun[];
}

/** One value of an axis: what it is called, and the `--set` arguments that make it. */
interface AxisValue {
  readonly label: string;
  readonly sets: readonly string[];
}

type PlannedValue = AxisValue & { readonly axis: string };

/** Name of the model with full tables on the compression axis. */
export const ORIGINAL = 'original';

/**
 * Reads a sweep's file: a configuration (its own keys, laid over those of `sweep.base`), and the axes along which it is varied.
 * @param sets `--set` arguments for every run
 * @throws UsageError ERR_CONFIG when the file or any of the runs' configurations is wrong
 */
export function loadSweep(file: string, sets: readonly string[] = []): SweepPlan {
  const text = readText(file);
  const { values } = readSource(text, file, []);
  const group = parseSweepGroup(values['sweep'], file);
  const base = group.base === undefined ? { text, file } : readBase(group.base, file);
  const { sweep: _, ...own } = values;
  // Over a base the sweep has a name of its own: the file's, unless it says one.
  const laidOver = () => leafSets({ name: parse(file).name, ...own });
  const common = [...(group.base === undefined ? ['sweep=null'] : laidOver()), ...sets];
  const runs = new Map<string, PlannedRun>();
  for (const combination of combinations(group, file)) {
    const name = combination.map(({ axis, label }) => folderName(axis, label)).join(',');
    const config = configOf(base, [...common, ...setsOf(combination)], name, file);
    const key = JSON.stringify({ ...config, name: '' });
    // The original is the same whatever the kind it would have been compressed with.
    if (runs.has(key)) continue;
    const labels = Object.fromEntries(combination.map(({ axis, label }) => [axis, label]));
    runs.set(key, { name, labels, config });
  }
  const first = [...runs.values()][0] as PlannedRun;
  return {
    name: first.config.name,
    axes: Object.keys(group.axes),
    target: group.target ?? first.config.train.targetAuc ?? 'original',
    runs: [...runs.values()],
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError(
      'ERR_CONFIG',
      `${file}: can't read this sweep (${fileProblem(cause)}); ready ones are in configs/paper.`,
      { cause },
    );
  }
}

function readBase(base: string, file: string): { text: string; file: string } {
  const path = join(dirname(file), base);
  return { text: readText(path), file: path };
}

/** One combination for each run but for those left out; the axis written last changes fastest. */
function combinations({ axes, except = [] }: SweepGroup, file: string): PlannedValue[][] {
  let all: PlannedValue[][] = [[]];
  for (const [axis, values] of Object.entries(axes)) {
    const own = axisValues(axis, values, file).map((value) => ({ ...value, axis }));
    all = all.flatMap((before) => own.map((value) => [...before, value]));
  }
  const left = except.map((group) => exceptedLabels(group, all, file));
  const isLeftOut = (combination: PlannedValue[]) =>
    left.some((labels) => combination.every(({ axis, label }) => labels[axis]?.includes(label) ?? true));
  const kept = all.filter((combination) => !isLeftOut(combination));
  if (kept.length > 0) return kept;
  throw new UsageError('ERR_CONFIG', `${file}: sweep.except leaves no run; leave out less.`);
}

/** The labels that a group of `sweep.except` names on each of its axes. */
function exceptedLabels(
  group: NonNullable<SweepGroup['except']>[number],
  all: readonly PlannedValue[][],
  file: string,
): Readonly<Record<string, readonly string[]>> {
  const labelsOf = (axis: string, values: (typeof group)[string]) => {
    const known = all.flatMap((combination) => combination.flatMap((v) => (v.axis === axis ? v.label : [])));
    return [values].flat().map((value) => {
      const label = axis === COMPRESSION_AXIS ? compressionValue(value, file).label : String(value);
      if (known.includes(label)) return label;
      throw new UsageError(
        'ERR_CONFIG',
        `${file}: sweep.except names ${axis} ${label}, which is on no axis; correct it or leave it out.`,
      );
    });
  };
  return Object.fromEntries(Object.entries(group).map(([axis, values]) => [axis, labelsOf(axis, values)]));
}

/** Full tables take away what other axes say of compressed ones, so that axis is laid on last. */
function setsOf(combination: readonly PlannedValue[]): string[] {
  const late = ({ axis }: PlannedValue) => Number(axis === COMPRESSION_AXIS);
  return [...combination].sort((a, b) => late(a) - late(b)).flatMap(({ sets }) => sets);
}

function axisValues(axis: string, values: SweepGroup['axes'][string], file: string): AxisValue[] {
  if (!Array.isArray(values)) {
    return Object.entries(values).map(([label, keys]) => ({ label, sets: leafSets(keys) }));
  }
  if (axis === COMPRESSION_AXIS) return values.map((value) => compressionValue(value, file));
  const key = axisKey(axis, file);
  return values.map((value) => ({ label: String(value), sets: [setArgument(key, value)] }));
}

function compressionValue(value: string | number | boolean, file: string): AxisValue {
  if (value === ORIGINAL || value === 1) {
    const gone = [
      'compression',
      'memorySize',
      'chunkSize',
      'hash',
      'aligned',
      'minRows',
      ...Object.keys(OWN_KEYS),
    ];
    return {
      label: ORIGINAL,
      sets: ['embedding.kind=full', ...gone.map((key) => `embedding.${key}=null`)],
    };
  }
  if (typeof value === 'number' && value > 1) {
    return { label: `${value}x`, sets: ['embedding.memorySize=null', `embedding.compression=${value}`] };
  }
  throw new UsageError(
    'ERR_CONFIG',
    `${file}: sweep.axes.compression has ${JSON.stringify(value)}; give numbers above 1, or original for full tables.`,
  );
}

/** A configuration's values as `--set` arguments, one for each that is no group. */
function leafSets(values: Readonly<Record<string, unknown>>, prefix = ''): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const path = `${prefix}${key}`;
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isGroup ? leafSets(value as Record<string, unknown>, `${path}.`) : [setArgument(path, value)];
  });
}

function setArgument(key: string, value: unknown): string {
  return `${key}=${JSON.stringify(value)}`;
}

function configOf(
  base: { text: string; file: string },
  sets: readonly string[],
  name: string,
  file: string,
): Config {
  try {
    return parseConfig(base.text, base.file, sets);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const own = sets.reduce(
      (text, argument) => text.replaceAll(`--set ${argument}`, 'the sweep'),
      error.message,
    );
    throw new UsageError('ERR_CONFIG', `${file}, run ${name}: ${own}`, { cause: error });
  }
}

function folderName(axis: string, label: string): string {
  return `${axis}-${label}`.replace(/[^A-Za-z0-9._-]+/g, '-');
}
