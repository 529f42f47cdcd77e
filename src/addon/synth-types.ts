import type { RowBuffer } from './criteo-types.ts';

/** Names of the kinds of synthetic data sets: the two of Criteo, and a small one. */
export const SYNTH_PROFILES = ['kaggle', 'tb', 'tiny'] as const;
export type SynthProfile = (typeof SYNTH_PROFILES)[number];

export type SynthRowsConstructor = new (options: SynthRowsOptions) => NativeSynthRows;

export interface SynthRowsOptions {
  readonly profile: SynthProfile;
  /** From 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** Rows of a day; 0 takes the profile's. */
  readonly dayRows: number;
  /** Threads. Rows don't depend on it. */
  readonly jobs: number;
}

/** What all rows made so far have come to. */
export interface SynthSummary {
  readonly rows: number;
  readonly clicks: number;
  /** [T] HyperLogLog estimates of the distinct tokens, a missing one being the token 0 like any other. */
  readonly distinct: readonly number[];
  /** AUC of the probabilities the labels were drawn with: no model can be expected to do better. */
  readonly bestAuc: number;
  /** Their log loss. */
  readonly bestLogLoss: number;
  /** Log loss of the share of clicks. */
  readonly baselineLogLoss: number;
}

/** Rows in columns, row-major, with room for a probability's logit beside each label. */
export interface SynthBuffer extends RowBuffer {
  /** [rows] Logit of the probability that the label was drawn with: the best possible prediction. */
  readonly logit?: Float32Array<ArrayBuffer>;
}

/** Synthetic rows, each a function of profile, seed, rows of a day and its number. Arrays are pinned until a promise settles. */
export interface NativeSynthRows {
  /** Rows of a day. */
  readonly dayRows: number;
  /**
   * Rows `first` to `first + rows − 1` as `prepare` makes them from their text, with raw ids.
   * @throws ERR_BUSY while an earlier call hasn't settled
   */
  fill(first: number, rows: number, out: SynthBuffer): Promise<number>;
  /**
   * The same rows as text.
   * @param out has room for `rows` times `synthMaxRowBytes`
   * @returns bytes written
   * @throws ERR_BUSY while an earlier call hasn't settled
   */
  write(first: number, rows: number, out: Uint8Array): Promise<number>;
  summary(): SynthSummary;
}
