import { UsageError } from '../errors.ts';
import type { DenseProfile, IdKind } from '../manifest/manifest.ts';

/** What to prepare, and how. */
export interface PrepareOptions {
  /** Raw files (plain or gzip) and folders of them; `-` is standard input. */
  readonly inputs: readonly string[];
  /** Folder to make; it must not exist or be empty. */
  readonly out: string;
  /** Default `raw`. */
  readonly ids?: IdKind;
  /** Take ids modulo this, from 1 to 2³² − 1. */
  readonly maxIndex?: number;
  /** Default `dlrm`. */
  readonly dense?: DenseProfile;
  /** See `parseSplitRule`; without it all rows go to `out` itself. */
  readonly split?: string;
  /** Parsing threads; default: as many as there are cores. */
  readonly jobs?: number;
  /** Most malformed rows that are left out quietly: a share (`0.1%`, the default) or a number. */
  readonly maxBadRows?: string;
  /** With `ids: vocab`: values seen fewer times share one id, 0, and the others are numbered from 1. */
  readonly minCount?: number;
  /** Most memory to use, as in `2GB` (the default), at least 512MB. */
  readonly memory?: string;
  /** Go on with what an interrupted run with the same options left beside `out`, if there is something. */
  readonly resume?: boolean;
  /** Stops the work in a state from which it can be resumed. */
  readonly signal?: AbortSignal;
  /** About how much text a thread parses at a time, for tests; default 1 MiB. */
  readonly blockBytes?: number;
  /** Memory of the dictionaries, for tests; by default what `memory` leaves for them. */
  readonly dictionaryBytes?: number;
  /** Milliseconds between two notes of how far the work has come, for tests; default 5000. */
  readonly checkpointMs?: number;
}

/** Where progress and warnings go. */
export interface PrepareOutput {
  info(line: string): void;
  warn(line: string): void;
  progress(options: { title: string; total?: number; unit: string; start?: number }): {
    update(done: number, note?: string): void;
    stop(): void;
  };
}

/** How many malformed rows are too many; both limits hold. */
export interface BadRowLimit {
  readonly fraction: number;
  readonly rows: number;
  /** As it was given. */
  readonly text: string;
}

/**
 * Reads `--max-bad-rows`.
 * @throws UsageError ERR_MAX_BAD_ROWS
 */
export function parseBadRowLimit(text: string): BadRowLimit {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) <= 100) {
    return { fraction: Number(percent) / 100, rows: Number.POSITIVE_INFINITY, text };
  }
  if (/^\d{1,15}$/.test(text)) return { fraction: 1, rows: Number(text), text };
  throw new UsageError(
    'ERR_MAX_BAD_ROWS',
    `--max-bad-rows "${text}" is neither a share of all rows, like 0.1%, nor a number of rows, like 100; give one of them.`,
  );
}

/** Least `--memory`. */
const LEAST_MEMORY = 512e6;
/** What the program itself, batches under way and files need: twice what was measured, with the rule that splits finest. */
const WORKING_BYTES = 350e6;
/** Blocks of text and their rows, of each thread. */
const JOB_BYTES = 8e6;
/** Least room for dictionaries. */
const LEAST_DICTIONARIES = 64e6;
const UNITS: Record<string, number> = { MB: 1e6, MiB: 2 ** 20, GB: 1e9, GiB: 2 ** 30, TB: 1e12 };

/**
 * Reads `--memory`.
 * @returns bytes
 * @throws UsageError ERR_MEMORY
 */
export function parseMemory(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([MGT]i?B)$/.exec(text) ?? [];
  const bytes = Number(number) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (bytes >= LEAST_MEMORY) return bytes;
  throw new UsageError(
    'ERR_MEMORY',
    `--memory "${text}" isn't an amount of at least 512MB; give one, like 2GB.`,
  );
}

/** Most threads that leave room for dictionaries in so much memory. */
export function mostJobs(memoryBytes: number): number {
  return Math.floor((memoryBytes - WORKING_BYTES - LEAST_DICTIONARIES) / JOB_BYTES);
}

/** Bytes that so much memory leaves for dictionaries when `jobs` threads parse. */
export function dictionaryRoom(memoryBytes: number, jobs: number): number {
  return Math.floor(memoryBytes - WORKING_BYTES - jobs * JOB_BYTES);
}
