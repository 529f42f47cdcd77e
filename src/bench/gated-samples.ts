import type { Addon } from '../addon/addon-types.ts';

/** What a machine can do, measured at the start of a benchmark. */
export interface Peak {
  /** float32 multiply-add rate, GFLOP/s. */
  readonly gflops: number;
  readonly threads: number;
}

export interface Samples<Details> {
  /** By time, ascending. */
  readonly accepted: readonly { readonly milliseconds: number; readonly details: Details }[];
  readonly rejected: number;
}

/** A probe of about 2 ms, and the share of the peak it must reach for the sample beside it to count. */
const PROBE_ITERATIONS = 1_200_000;
const GATE = 0.86;
const PEAK_PROBES = 100;
/** Where nothing passes the gate, a benchmark must still end. */
const MOST_TRIES = 8;

/** The best of many probes: no luck makes a processor multiply faster than it can, while neighbours make most probes slower. */
export function measurePeak(addon: Addon, threads: number): Peak {
  const rates = Array.from({ length: PEAK_PROBES }, () => addon.fmaProbe(threads, PROBE_ITERATIONS));
  return { gflops: Math.max(...rates), threads };
}

/**
 * Times `work` until `count` samples were taken while the machine was quiet: a probe right before and right after must both reach 86% of
 * the peak. Shared machines are busy in bursts, and ungated timings are wrong by several times.
 * @param work what one sample does
 * @param inspect called after each sample, outside its time
 */
export async function gatedSamples<Details>(
  addon: Addon,
  peak: Peak,
  count: number,
  work: () => Promise<void>,
  inspect: () => Promise<Details>,
): Promise<Samples<Details>> {
  const accepted: { milliseconds: number; details: Details }[] = [];
  const tries = count * MOST_TRIES;
  const quiet = () => addon.fmaProbe(peak.threads, PROBE_ITERATIONS) >= GATE * peak.gflops;
  let tried = 0;
  for (; accepted.length < count && tried < tries; tried++) {
    const before = quiet();
    const start = performance.now();
    await work();
    const elapsed = performance.now() - start;
    const after = quiet();
    const details = await inspect();
    if (before && after) accepted.push({ milliseconds: elapsed, details });
  }
  accepted.sort((a, b) => a.milliseconds - b.milliseconds);
  return { accepted, rejected: tried - accepted.length };
}
