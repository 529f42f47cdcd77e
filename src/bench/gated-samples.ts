import type { Addon } from '../addon/addon-types.ts';

/** What a machine can do, measured at the start of a benchmark: what the gate compares with. */
export interface Peak {
  /** Multiply-add rate, GFLOP/s. */
  readonly gflops: number;
  readonly threads: number;
  /** Of the multiplied numbers; sums are float32. */
  readonly precision: 'f32' | 'bf16';
  /** Number of the GPU whose published rate it is; every sample counts then. Undefined for the CPU. */
  readonly gpu?: number;
}

export interface Sample<Details> {
  readonly milliseconds: number;
  /** GFLOP/s of the better of the probes beside it: clocks rise and fall by a third within minutes, so a sample is held against its own. */
  readonly peak: number;
  readonly details: Details;
}

export interface Samples<Details> {
  /** By time, ascending. */
  readonly accepted: readonly Sample<Details>[];
  readonly rejected: number;
}

/** A probe of about 2 ms, and the share of the peak it must reach for the sample beside it to count. */
const PROBE_ITERATIONS = 1_200_000;
const GATE = 0.86;
const PEAK_PROBES = 100;
/** Where nothing passes the gate, a benchmark must still end. */
const MOST_TRIES = 8;

/** The best of many probes: no luck makes a processor multiply faster than it can, while neighbours make most probes slower. */
export function measurePeak(addon: Addon, threads: number, precision: Peak['precision'] = 'f32'): Peak {
  const rates = Array.from({ length: PEAK_PROBES }, () =>
    addon.fmaProbe(threads, PROBE_ITERATIONS, precision),
  );
  return { gflops: Math.max(...rates), threads, precision };
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
  const accepted: Sample<Details>[] = [];
  const tries = count * MOST_TRIES;
  const probe = () =>
    peak.gpu === undefined ? addon.fmaProbe(peak.threads, PROBE_ITERATIONS, peak.precision) : peak.gflops;
  let tried = 0;
  for (; accepted.length < count && tried < tries; tried++) {
    const before = probe();
    const start = performance.now();
    await work();
    const elapsed = performance.now() - start;
    const after = probe();
    const details = await inspect();
    if (Math.min(before, after) < GATE * peak.gflops) continue;
    accepted.push({ milliseconds: elapsed, peak: Math.max(before, after), details });
  }
  accepted.sort((a, b) => a.milliseconds - b.milliseconds);
  return { accepted, rejected: tried - accepted.length };
}

/** The middle of `values`; NaN when there are none. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
