import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeSynthRows } from '../addon/synth-types.ts';
import { MANIFEST_FILE, MANIFEST_VERSION, type Manifest } from '../manifest/manifest.ts';
import { BATCH_ROWS, createRowBuffer } from '../prepare/row-buffer.ts';
import { ShardWriter } from '../prepare/shard-writer.ts';
import { rowBlocks, streamBlocks } from './row-stream.ts';
import type { SynthJob } from './synth-options.ts';

/**
 * Writes rows as `prepare` would write their text with raw ids: the same shards, and the same manifest but for its `inputs`.
 * @param folder an empty one
 * @param written called with the number of rows after each block
 */
export async function writeShards(
  job: SynthJob,
  source: NativeSynthRows,
  folder: string,
  written: (rows: number) => void,
): Promise<void> {
  const writer = await ShardWriter.create(folder);
  try {
    await streamBlocks(
      rowBlocks(job.start, job.start + job.rows, Number.POSITIVE_INFINITY),
      [createRowBuffer(BATCH_ROWS), createRowBuffer(BATCH_ROWS)],
      ({ first, rows }, buffer) => source.fill(first, rows, buffer),
      async ({ first, rows }, buffer) => {
        await writer.append(buffer, 0, rows);
        written(first + rows - job.start);
        return true;
      },
    );
    const { files, rows, clicks } = await writer.finish();
    const manifest: Manifest = {
      schemaVersion: MANIFEST_VERSION,
      profile: 'dlrm',
      ids: 'raw',
      maxIndex: null,
      split: 'all',
      splitRule: null,
      rows,
      clicks,
      distinct: [...source.summary().distinct],
      files,
      rejected: { rows: 0, byReason: {}, samples: [] },
      inputs: [{ name: describeSource(job, source), rows, rejected: 0 }],
    };
    await writeFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
  } finally {
    await writer.abandon();
  }
}

/** Everything the rows are a function of. */
function describeSource({ profile, seed, start }: SynthJob, { dayRows }: NativeSynthRows): string {
  return `synth --profile ${profile} --seed ${seed} --start ${start} --day-rows ${dayRows}`;
}
