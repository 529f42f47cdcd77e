import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeSafetensors, loadSafetensors } from '../../src/checkpoint/safetensors.ts';
import { PssError } from '../../src/errors.ts';
import { Dataset } from '../../src/reader/dataset.ts';

/** Reads bytes that may be anything. Settles when that was refused with a sentence or done; rejects on a finding. */
export type FuzzTarget = (bytes: Uint8Array) => Promise<void>;

/** Most processor time and memory that a target may take, and when it counts as waiting for what never comes. */
const MOST_CPU_MS = 5000;
const MOST_BYTES = 200e6;
const HANGS_MS = 120_000;

/** Rows that the shards of the corpus have, and so the manifest that goes with them. */
export const SHARD_ROWS = 20;
/** Rows of each record batch of those shards. */
export const SHARD_BATCH_ROWS = 8;

/** Readers of files that come from outside, by the name of their corpus. */
export const TARGETS: Record<string, FuzzTarget> = {
  shard: (bytes) => guard(() => readShard(bytes)),
  safetensors: (bytes) => guard(() => readSafetensors(bytes)),
};

const folder = mkdtempSync(join(tmpdir(), 'pss-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

async function readShard(bytes: Uint8Array): Promise<void> {
  writeFileSync(join(folder, 'part-00000.arrow'), bytes);
  const file = {
    name: 'part-00000.arrow',
    rows: SHARD_ROWS,
    sizeBytes: bytes.length,
    sha256: '0'.repeat(64),
  };
  const manifest = {
    schemaVersion: 1,
    profile: 'dlrm',
    ids: 'raw',
    rows: SHARD_ROWS,
    clicks: 0,
    files: [file],
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const data = await Dataset.open([folder], SHARD_BATCH_ROWS);
  try {
    for (let i = 0; i < data.batchRows.length; i++) {
      const { rows, labels, dense, sparse } = await data.readBatch(i);
      const { numDense, numTables } = data.facts;
      const whole = labels.length === rows && dense.length === rows * numDense;
      if (!whole || sparse.length !== rows * numTables)
        throw new Error(`batch ${i} has columns of wrong lengths`);
    }
  } finally {
    await data.close();
  }
}

async function readSafetensors(bytes: Uint8Array): Promise<void> {
  const path = join(folder, 'model.safetensors');
  writeFileSync(path, bytes);
  const { tensors } = await describeSafetensors(path);
  let floats = 0;
  await loadSafetensors(path, tensors, {
    write: async (_name, _offset, values) => {
      floats += values.length;
    },
  });
  const described = tensors.reduce((sum, { size }) => sum + size, 0);
  if (floats !== described || described * 4 > bytes.length)
    throw new Error(`${floats} floats of ${described} were read`);
}

async function guard(read: () => Promise<void>): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const bytesBefore = process.memoryUsage.rss();
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still reading after ${HANGS_MS} ms`)), HANGS_MS);
  });
  try {
    await Promise.race([read(), hang]);
  } catch (error) {
    if (!(error instanceof PssError)) throw error;
  } finally {
    clearTimeout(timer);
  }
  const cpu = process.cpuUsage(cpuBefore);
  const milliseconds = (cpu.user + cpu.system) / 1000;
  const grown = process.memoryUsage.rss() - bytesBefore;
  if (milliseconds > MOST_CPU_MS) throw new Error(`took ${milliseconds} ms of processor time`);
  if (grown > MOST_BYTES) throw new Error(`took ${grown} bytes of memory`);
}
