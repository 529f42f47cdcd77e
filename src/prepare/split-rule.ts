import { basename } from 'node:path';
import { UsageError } from '../errors.ts';
import type { SplitName } from '../manifest/manifest.ts';
import { philox4x32, seedKey } from '../random/philox.ts';

/** How much of the input has been read. */
export interface RowsSeen {
  /** Accepted rows of each input so far. Inputs are read one after another. */
  readonly perInput: readonly number[];
  /** Their sum. */
  readonly rows: number;
  /** Nothing more will come. */
  readonly ended: boolean;
}

/** Which rows go where. */
export interface SplitRule {
  /** As on the command line. */
  readonly text: string;
  /** The folders it makes; a destination is an index into it. */
  readonly splits: readonly SplitName[];
  /**
   * Destinations of the rows `first`, `first + 1`, … as far as they are certain from what has been seen.
   * @param out one destination a row; all of its rows have been seen
   * @returns how many are certain; all of them once the input has ended
   */
  assign(out: Uint8Array, first: number, seen: RowsSeen): number;
  /** @throws UsageError ERR_SPLIT when the rule doesn't fit these inputs */
  checkInputs(inputs: readonly string[]): void;
}

const TRAIN = 0;
const TEST = 1;
const VALIDATION = 2;
const FORMS = 'head:N, tail:FRACTION, kaggle-chronological, kaggle-random:SEED or tb-mlperf';

/**
 * Reads a `--split` rule.
 * - `head:N`: the first N rows train, the rest test.
 * - `tail:F`: the last F of all rows (rounded to the nearest row, 0 < F < 1) test, the others train.
 * - `kaggle-chronological`: seven consecutive pieces, equal but for a row (longer ones first); six train, of the seventh the
 *   first half tests (and has the odd row), the second validates.
 * - `kaggle-random:S`: each row on its own trains with probability 0.72, validates with 0.18, tests with 0.10: word
 *   `row mod 4` of the Philox4x32-10 block with counter ⌊row / 4⌋ and key S.
 * - `tb-mlperf`: 24 inputs `day_0` … `day_23`; the first 23 train, `day_23` is halved like the seventh piece above.
 * @throws UsageError ERR_SPLIT
 */
export function parseSplitRule(text: string): SplitRule {
  const [name = '', argument] = text.split(/:(.*)/s);
  if (name === 'head' && argument !== undefined && isWhole(argument, 1))
    return headRule(text, Number(argument));
  if (name === 'tail' && argument !== undefined && Number(argument) > 0 && Number(argument) < 1) {
    return tailRule(text, Number(argument));
  }
  if (name === 'kaggle-random' && argument !== undefined && isWhole(argument, 0)) {
    return randomRule(text, Number(argument));
  }
  if (text === 'kaggle-chronological') return chronologicalRule(text);
  if (text === 'tb-mlperf') return terabyteRule(text);
  throw new UsageError('ERR_SPLIT', `--split "${text}" isn't a rule this version knows; give ${FORMS}.`);
}

/** Everything in one folder. */
export const NO_SPLIT: SplitRule = rangeRule('', ['all'], () => [[Number.POSITIVE_INFINITY, 0]]);

function isWhole(text: string, minimum: number): boolean {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) && Number(text) >= minimum;
}

/** Rows up to (not with) the first number go to the second. */
type Range = readonly [until: number, destination: number];

/** @param ranges ascending; only those that are certain */
function rangeRule(
  text: string,
  splits: readonly SplitName[],
  ranges: (seen: RowsSeen) => readonly Range[],
  checkInputs: SplitRule['checkInputs'] = () => {},
): SplitRule {
  const assign: SplitRule['assign'] = (out, first, seen) => {
    let filled = 0;
    for (const [until, destination] of ranges(seen)) {
      const end = Math.min(out.length, Math.max(filled, until - first));
      out.fill(destination, filled, end);
      filled = end;
    }
    return filled;
  };
  return { text, splits, assign, checkInputs };
}

function headRule(text: string, rows: number): SplitRule {
  return rangeRule(text, ['train', 'test'], () => [
    [rows, TRAIN],
    [Number.POSITIVE_INFINITY, TEST],
  ]);
}

function tailRule(text: string, fraction: number): SplitRule {
  // One more row makes the training part at most one longer and never shorter, so what is in it now stays in it.
  return rangeRule(text, ['train', 'test'], (seen) => [
    [seen.rows - Math.round(seen.rows * fraction), TRAIN],
    ...certainAtEnd(seen, [seen.rows, TEST]),
  ]);
}

function chronologicalRule(text: string): SplitRule {
  return rangeRule(text, ['train', 'test', 'validation'], (seen) => {
    const lastPiece = Math.floor(seen.rows / 7);
    const train = seen.rows - lastPiece;
    return [
      [train, TRAIN],
      ...certainAtEnd(seen, [train + Math.ceil(lastPiece / 2), TEST], [seen.rows, VALIDATION]),
    ];
  });
}

const DAYS = 24;

function terabyteRule(text: string): SplitRule {
  const ranges = (seen: RowsSeen): Range[] => {
    const lastDay = seen.perInput[DAYS - 1] ?? 0;
    const train = seen.rows - lastDay;
    return [
      [train, TRAIN],
      [train + Math.ceil(lastDay / 2), TEST],
      ...certainAtEnd(seen, [seen.rows, VALIDATION]),
    ];
  };
  return rangeRule(text, ['train', 'test', 'validation'], ranges, (inputs) => {
    const days = inputs.map((input) => /^day_(\d+)(\.\w+)*$/.exec(basename(input))?.[1]);
    const wrong = Array.from({ length: DAYS }, (_, day) => day).find((day) => days[day] !== String(day));
    if (wrong !== undefined || days.length !== DAYS) {
      throw new UsageError(
        'ERR_SPLIT',
        `--split tb-mlperf needs the 24 files day_0 to day_23 in this order, but ${
          wrong === undefined
            ? `there are ${days.length} inputs`
            : `input ${wrong + 1} is ${inputs[wrong] ?? 'missing'}`
        }; give their folder, or the files by name.`,
      );
    }
  });
}

function certainAtEnd(seen: RowsSeen, ...ranges: Range[]): Range[] {
  return seen.ended ? ranges : [];
}

function randomRule(text: string, seed: number): SplitRule {
  const key = seedKey(seed);
  const block = new Uint32Array(4);
  return {
    text,
    splits: ['train', 'test', 'validation'],
    checkInputs: () => {},
    assign: (out, first) => {
      for (let i = 0; i < out.length; i++) {
        const row = first + i;
        if (i === 0 || row % 4 === 0) {
          const counter = Math.floor(row / 4);
          philox4x32(block, [counter >>> 0, Math.floor(counter / 2 ** 32), 0, 0], key);
        }
        const draw = (block[row % 4] as number) / 2 ** 32;
        out[i] = draw < 0.72 ? TRAIN : draw < 0.9 ? VALIDATION : TEST;
      }
      return out.length;
    },
  };
}
