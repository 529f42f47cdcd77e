import type { Addon } from '../addon/addon-types.ts';

/** What a machine can do, measured at the start of a benchmark: what the gate compares with. */
export interface Peak {
  /** Multiply-add rate, GFLOP/s. */
  readonly gflops: number;
  readonly threads: number;
  /** Of the multiplied numbers; sums are float32, or 32-bit integers. */
  readonly precision: 'f32' | 'bf16' | 'int8';
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

/** What is timed. */
export interface Subject<Details> {
  /** What one sample does. */
  readonly work: () => Promise<void>;
  /** Called after each sample, outside its time. */
  readonly inspect: () => Promise<Details>;
}

/**
 * Times `work` until `count` samples were taken while the machine was quiet: a probe right before and right after must both reach 86% of
 * the peak. Shared machines are busy in bursts, and ungated timings are wrong by several times.
 */
export async function gatedSamples<Details>(
  addon: Addon,
  peak: Peak,
  count: number,
  subject: Subject<Details>,
): Promise<Samples<Details>> {
  const [samples] = await alternatingSamples(addon, peak, count, [subject]);
  return samples as Samples<Details>;
}

/**
 * Times several subjects in turn, a sample of each in every round, so that whatever a machine's speed does in the course of minutes it does
 * to all of them alike. Samples count as in `gatedSamples`.
 * @param until when to stop with fewer samples, as `performance.now()` tells the time; never unless given
 */
export async function alternatingSamples<Details>(
  addon: Addon,
  peak: Peak,
  count: number,
  subjects: readonly Subject<Details>[],
  until = Number.POSITIVE_INFINITY,
): Promise<Samples<Details>[]> {
  const taken = subjects.map((subject) => ({ subject, accepted: [] as Sample<Details>[], tried: 0 }));
  for (let round = 0; round < count * MOST_TRIES && performance.now() < until; round++) {
    for (const each of taken) {
      if (each.accepted.length === count) continue;
      each.tried++;
      const sample = await takeSample(addon, peak, each.subject);
      if (sample) each.accepted.push(sample);
    }
  }
  return taken.map(({ accepted, tried }) => ({
    accepted: accepted.sort((a, b) => a.milliseconds - b.milliseconds),
    rejected: tried - accepted.length,
  }));
}

/** Undefined when the machine was busy. */
async function takeSample<Details>(
  addon: Addon,
  peak: Peak,
  { work, inspect }: Subject<Details>,
): Promise<Sample<Details> | undefined> {
  const probe = () =>
    peak.gpu === undefined ? addon.fmaProbe(peak.threads, PROBE_ITERATIONS, peak.precision) : peak.gflops;
  const before = probe();
  const start = performance.now();
  await work();
  const milliseconds = performance.now() - start;
  const after = probe();
  const details = await inspect();
  if (Math.min(before, after) < GATE * peak.gflops) return undefined;
  return { milliseconds, peak: Math.max(before, after), details };
}

/** The middle of `values`; NaN when there are none. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
