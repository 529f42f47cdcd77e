import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.ts';
import { findInputs, type RawInputs } from './inputs.ts';
import {
  type BadRowLimit,
  dictionaryRoom,
  mostJobs,
  type PrepareOptions,
  type PrepareOutput,
  parseBadRowLimit,
  parseMemory,
} from './prepare-options.ts';
import { NO_SPLIT, parseSplitRule, type SplitRule } from './split-rule.ts';

/** Most parsing threads. */
const MAX_JOBS = 256;

/** Options checked and completed. */
export interface Job {
  readonly options: PrepareOptions;
  readonly inputs: RawInputs;
  readonly rule: SplitRule;
  readonly limit: BadRowLimit;
  readonly output: PrepareOutput;
  /** Parsing threads. */
  readonly jobs: number;
  /** Memory of the dictionaries. */
  readonly dictionaryBytes: number;
  /** Values seen fewer times are rare; 1 when all of them count. */
  readonly minCount: number;
}

/**
 * Checks options and finds the input files.
 * @throws UsageError ERR_MAX_INDEX, ERR_JOBS, ERR_MIN_COUNT, ERR_MEMORY, ERR_SPLIT, ERR_MAX_BAD_ROWS; PssError ERR_INPUT
 */
export async function checkJob(options: PrepareOptions, output: PrepareOutput): Promise<Job> {
  const { maxIndex, minCount = 1, ids = 'raw' } = options;
  const memoryBytes = parseMemory(options.memory ?? '2GB');
  const most = Math.min(MAX_JOBS, mostJobs(memoryBytes));
  const jobs = options.jobs ?? Math.min(availableParallelism(), most);
  if (maxIndex !== undefined && !isWhole(maxIndex, 2 ** 32 - 1)) {
    throw new UsageError(
      'ERR_MAX_INDEX',
      `--max-index ${maxIndex} isn't a whole number from 1 to 4294967295; give one.`,
    );
  }
  if (!isWhole(jobs, MAX_JOBS)) {
    throw new UsageError('ERR_JOBS', `--jobs ${jobs} isn't a whole number from 1 to ${MAX_JOBS}; give one.`);
  }
  if (jobs > most) {
    throw new UsageError(
      'ERR_MEMORY',
      `--memory ${options.memory ?? '2GB'} is too little for ${jobs} threads; give more, or at most --jobs ${most}.`,
    );
  }
  if (!isWhole(minCount, 2 ** 32 - 1)) {
    throw new UsageError(
      'ERR_MIN_COUNT',
      `--min-count ${minCount} isn't a whole number from 1 to 4294967295; give one.`,
    );
  }
  if (minCount > 1 && ids === 'raw') {
    throw new UsageError(
      'ERR_MIN_COUNT',
      '--min-count leaves values out of the dictionaries, and --ids raw has none; add --ids vocab.',
    );
  }
  const rule = options.split === undefined ? NO_SPLIT : parseSplitRule(options.split);
  const limit = parseBadRowLimit(options.maxBadRows ?? '0.1%');
  const dictionaryBytes = options.dictionaryBytes ?? dictionaryRoom(memoryBytes, jobs);
  const inputs = await findInputs(options.inputs);
  rule.checkInputs(inputs.files);
  return { options, inputs, rule, limit, output, jobs, dictionaryBytes, minCount };
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}
