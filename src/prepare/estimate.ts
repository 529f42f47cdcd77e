import { rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadAddon } from '../addon/load.ts';
import { makeFolder } from '../make-folder.ts';
import { NUM_TABLES } from '../manifest/manifest.ts';
import type { Job } from './job.ts';
import { RawRows } from './raw-rows.ts';
import { ROW_BYTES } from './row-buffer.ts';
import { ShardWriter } from './shard-writer.ts';

/** What a job will come to, told from the beginnings of some of its inputs. */
export interface PrepareEstimate {
  /** Rows looked at; `rows` is exact when these are all. */
  readonly sampledRows: number;
  readonly rows: number;
  /** Of the shards. */
  readonly sizeBytes: number;
  /** Most that may lie on the disk while the work goes on. */
  readonly peakBytes: number;
  readonly seconds: number;
  /** Sum over the columns of the distinct values in the sample. */
  readonly sampledIds: number;
}

/** Inputs looked at. */
const SAMPLED_INPUTS = 3;

/**
 * Reads the first `batches` batches of up to three inputs, and says what the whole will come to.
 * @param folder where to write the sample's shards, so that the time counts that too; removed again. Without it nothing is written.
 * @returns undefined when an input is no regular file
 */
export async function estimate(
  job: Job,
  batches: number,
  folder?: string,
): Promise<PrepareEstimate | undefined> {
  const { files, sizeBytes } = job.inputs;
  if (sizeBytes === undefined) return undefined;
  const last = files.length - 1;
  const chosen = [...new Set([0, Math.floor(last / 2), last])].slice(0, SAMPLED_INPUTS);
  const writer = folder === undefined ? undefined : await openSample(folder);
  const total = { rows: 0, bytes: 0, seconds: 0, ids: 0 };
  try {
    for (const index of chosen) {
      const sample = await readSample(job, index, batches, writer);
      total.rows += sample.rows;
      total.bytes += sample.bytes;
      total.seconds += sample.seconds;
      total.ids += sample.ids;
    }
  } finally {
    await writer?.abandon();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
  const scale = total.bytes === 0 ? 0 : sizeBytes / total.bytes;
  const rows = Math.round(total.rows * scale);
  const shards = rows * ROW_BYTES;
  // Rows lie on the disk twice when they have to wait for their ids.
  const waits = job.options.ids === 'vocab';
  return {
    sampledRows: total.rows,
    rows,
    sizeBytes: shards,
    peakBytes: waits ? 2 * shards + rows * NUM_TABLES * Uint32Array.BYTES_PER_ELEMENT : shards,
    seconds: total.seconds * scale * (waits && job.minCount > 1 ? 2 : 1),
    sampledIds: total.ids,
  };
}

async function openSample(folder: string): Promise<ShardWriter> {
  await makeFolder(dirname(folder));
  return ShardWriter.create(folder);
}

async function readSample(
  job: Job,
  index: number,
  batches: number,
  writer: ShardWriter | undefined,
): Promise<{ rows: number; bytes: number; seconds: number; ids: number }> {
  const file = job.inputs.files[index] as string;
  const startedAt = performance.now();
  const inputs = { ...job.inputs, files: [file] };
  const raw = new RawRows({ ...job, inputs }, undefined);
  let rows = 0;
  let bytes = 0;
  let taken = 0;
  try {
    for await (const batch of raw.batches()) {
      rows += batch.rows;
      bytes = batch.bytesRead;
      await writer?.append(batch.columns, 0, batch.rows);
      if (++taken === batches) break;
    }
    // A file read to its end counts with all its bytes, whatever comes after its last row.
    if (taken < batches) bytes = (await stat(file)).size;
    const seconds = (performance.now() - startedAt) / 1000;
    const ids = loadAddon().estimateDistinct(raw.sketches());
    return { rows, bytes, seconds, ids: ids.reduce((sum, count) => sum + count, 0) };
  } finally {
    raw.close();
  }
}
