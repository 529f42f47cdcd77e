import { stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { PssError } from '../errors.ts';
import { estimate, type PrepareEstimate } from './estimate.ts';
import { checkJob, type Job } from './job.ts';
import type { PrepareOptions, PrepareOutput } from './prepare-options.ts';

/** Below this share of the estimate the space is certainly too small, however far the sample was off. */
const CERTAIN_SHARE = 0.9;

/**
 * Checks that the disk of `out` has room for the shards, as far as a look at the beginnings of the inputs tells.
 * @throws PssError ERR_DISK_SPACE
 */
export async function checkDiskSpace(job: Job): Promise<void> {
  const expected = await estimate(job, 1);
  if (!expected) return;
  const free = await freeBytes(job.options.out);
  const { rows, sizeBytes, peakBytes } = expected;
  if (free < sizeBytes * CERTAIN_SHARE) {
    throw new PssError(
      'ERR_DISK_SPACE',
      `The shards of about ${rows} rows take ${gigabytes(sizeBytes)}, and the disk of ${job.options.out} has ${gigabytes(free)} left; free some space, or choose another --out.`,
    );
  }
  if (free < peakBytes) {
    job.output.warn(
      `The disk of ${job.options.out} has ${gigabytes(free)} left; the shards take about ${gigabytes(sizeBytes)}, and up to ${gigabytes(peakBytes)} are needed if the dictionaries don't fit in memory.`,
    );
  }
}

/** Record batches of each input that `estimatePrepare` looks at. */
const SAMPLED_BATCHES = 8;

/**
 * What `prepare` with these options would come to, from a sample that is read, written and removed again.
 * @returns undefined when an input is no regular file
 * @throws what `prepare` throws for wrong options and unsuitable inputs
 */
export async function estimatePrepare(
  options: PrepareOptions,
  output: PrepareOutput,
): Promise<(PrepareEstimate & { freeBytes: number }) | undefined> {
  const job = await checkJob(options, output);
  const expected = await estimate(job, SAMPLED_BATCHES, `${resolve(options.out)}.sample-${process.pid}`);
  return expected && { ...expected, freeBytes: await freeBytes(options.out) };
}

/** Bytes that may be written on the disk where `path` is or will be. */
async function freeBytes(path: string): Promise<number> {
  let folder = resolve(path);
  while (!(await stat(folder).catch(() => undefined)) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
