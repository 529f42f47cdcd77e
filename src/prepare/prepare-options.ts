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
  /** Stops the work and leaves nothing behind. */
  readonly signal?: AbortSignal;
  /** About how much text a thread parses at a time, for tests; default 1 MiB. */
  readonly blockBytes?: number;
}

/** Where progress and warnings go. */
export interface PrepareOutput {
  warn(line: string): void;
  progress(options: { title: string; total?: number; unit: string }): {
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
