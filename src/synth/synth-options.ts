import type { SynthProfile } from '../addon/synth-types.ts';
import { UsageError } from '../errors.ts';

/** What synthetic rows to make, and how. */
export interface SynthOptions {
  readonly rows: number;
  /** Folder to make, which must not exist or be empty; `-` is standard output, for text. */
  readonly out: string;
  /** Raw text, one file a day, or shards with raw ids, as `prepare` makes them of it. Default `tsv`. */
  readonly format?: 'tsv' | 'arrow';
  /** From 0 to 2⁵³ − 1; default 1. */
  readonly seed?: number;
  /** Default `kaggle`. */
  readonly profile?: SynthProfile;
  /** Number of the first row; default 0. */
  readonly start?: number;
  /** Rows of a day, over which popularity and click rate drift; default: the profile's. */
  readonly dayRows?: number;
  /** Threads; default: as many as there are cores. */
  readonly jobs?: number;
  /** Stops the work and leaves nothing behind. */
  readonly signal?: AbortSignal;
}

/** `SynthOptions` with nothing left open. */
export type SynthJob = Required<Omit<SynthOptions, 'signal'>> & Pick<SynthOptions, 'signal'>;

/** Row numbers stay below this. */
const MAX_ROWS = 2 ** 40;
const MAX_JOBS = 256;

/**
 * Checks options and completes them; `dayRows` 0 stands for the profile's.
 * @throws UsageError ERR_SYNTH
 */
export function completeSynthOptions(options: SynthOptions, cores: number): SynthJob {
  const job: SynthJob = {
    format: 'tsv',
    seed: 1,
    profile: 'kaggle',
    start: 0,
    dayRows: 0,
    jobs: Math.min(cores, MAX_JOBS),
    ...options,
  };
  const check = (flag: string, value: number, least: number, most: number) => {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new UsageError(
      'ERR_SYNTH',
      `${flag} ${value} isn't a whole number from ${least} to ${most}; give one.`,
    );
  };
  check('--rows', job.rows, 1, MAX_ROWS);
  check('--start', job.start, 0, MAX_ROWS - job.rows);
  check('--seed', job.seed, 0, Number.MAX_SAFE_INTEGER);
  check('--jobs', job.jobs, 1, MAX_JOBS);
  if (options.dayRows !== undefined) {
    check('--day-rows', options.dayRows, Math.ceil((job.start + job.rows) / 1e6), MAX_ROWS);
  }
  if (job.out === '-' && job.format === 'arrow') {
    throw new UsageError(
      'ERR_SYNTH',
      '--out - writes text only, since shards are several files; give a folder, or --format tsv.',
    );
  }
  return job;
}
