import { distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { typeProblems } from '../config/problems.ts';
import { UsageError } from '../errors.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()], {
  error: 'must be text, a number, true or false',
});

/** The `sweep` group of a sweep's file. */
const sweepSchema = z.strictObject({
  /** A configuration file, relative to the sweep's, that the sweep's own keys are laid over. */
  base: z.string().min(1).optional(),
  /** The AUC whose epochs are counted; `original`: the lowest best one among the seeds of the original. */
  target: z.union([z.literal('original'), z.number().gt(0.5).lt(1)]).optional(),
  /** What is varied: values of one key, or named groups of keys. */
  axes: z.record(
    z.string(),
    z.union([z.array(scalar).min(1), z.record(z.string(), z.record(z.string(), z.unknown()))], {
      error: 'must be a list of values, or names with the keys each of them sets',
    }),
  ),
  /** Combinations that aren't run: those that have, on all axes that one of these names, one of the values it lists. */
  except: z
    .array(
      z.record(
        z.string(),
        z.union([scalar, z.array(scalar).min(1)], { error: 'must be a value or a list of values' }),
      ),
    )
    .optional(),
});

/** A sweep as its file describes it. */
export type SweepGroup = z.output<typeof sweepSchema>;

/** The axis whose values are times smaller than full tables; `original` or 1 is the model with full tables. */
export const COMPRESSION_AXIS = 'compression';

/** Short names of keys that are often varied. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  kind: 'embedding.kind',
  model: 'model.kind',
  gradient: 'embedding.gradient',
  optimizer: 'optimizer.kind',
  seed: 'seed',
  precision: 'precision',
  device: 'device',
};

/**
 * Checks the `sweep` group.
 * @throws UsageError ERR_CONFIG saying what is wrong with it
 */
export function parseSweepGroup(value: unknown, fileName: string): SweepGroup {
  if (value === undefined || value === null) {
    throw new UsageError(
      'ERR_CONFIG',
      `${fileName}: there is no group "sweep"; add one with its axes, or train this one configuration with pss train.`,
    );
  }
  const checked = sweepSchema.safeParse(value);
  if (!checked.success) {
    const problem = typeProblems(checked.error.issues, value)[0];
    const path = problem?.path.join('.') ?? '';
    const unknown = checked.error.issues.find((issue) => issue.code === 'unrecognized_keys');
    const text = unknown
      ? unknownName(`sweep.${[...unknown.path, unknown.keys[0]].join('.')}`, Object.keys(sweepSchema.shape))
      : `sweep.${problem?.text ?? path}.`;
    throw new UsageError('ERR_CONFIG', `${fileName}: ${text}`);
  }
  if (Object.keys(checked.data.axes).length === 0) {
    throw new UsageError('ERR_CONFIG', `${fileName}: sweep.axes is empty; add what is to be varied.`);
  }
  return checked.data;
}

/**
 * The configuration key that an axis of plain values varies.
 * @throws UsageError ERR_CONFIG when the name is none of the short ones and no key path either
 */
export function axisKey(name: string, fileName: string): string {
  const key = SHORT_NAMES[name];
  if (key !== undefined) return key;
  // A wrong path is told by the configuration's own check, which knows all keys.
  if (name.includes('.')) return name;
  throw new UsageError(
    'ERR_CONFIG',
    `${fileName}: ${unknownName(`sweep.axes.${name}`, [COMPRESSION_AXIS, ...Object.keys(SHORT_NAMES)])} Any key path will do too, such as optimizer.learningRate.`,
  );
}

function unknownName(path: string, known: readonly string[]): string {
  const wrong = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  const nearest = [...known].sort((a, b) => distance(a, wrong) - distance(b, wrong))[0] as string;
  return distance(nearest, wrong) <= Math.max(2, wrong.length * 0.4)
    ? `${path} isn't known; did you mean ${nearest}?`
    : `${path} isn't known; use one of ${known.join(', ')}.`;
}
