import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { CriteoReaderOptions, CriteoSummary, IdEncoderOptions } from '../../src/addon/criteo-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { createRowBuffer } from '../../src/prepare/row-buffer.ts';

/** Everything a reader gives for some inputs. */
export interface RawResult {
  readonly label: number[];
  readonly dense: number[];
  readonly sparse: number[];
  readonly batchRows: number[];
  readonly segments: { input: number; rows: number }[];
  readonly summary: CriteoSummary;
  /** Estimated distinct values by column, without dictionaries. */
  readonly distinct: number[];
}

/** Options of a reader with small batches that rejects nothing as a whole, changed as asked. */
export function readerOptions(
  inputs: readonly string[],
  changes: Partial<CriteoReaderOptions> = {},
): CriteoReaderOptions {
  const batchRows = changes.batchRows ?? 16;
  return {
    inputs,
    jobs: 2,
    dense: 'dlrm',
    maxIndex: 0,
    maxBadFraction: 1,
    maxBadRows: Number.POSITIVE_INFINITY,
    maxLineBytes: 65_536,
    blockBytes: 1 << 20,
    batchRows,
    buffers: Array.from({ length: 3 }, () => createRowBuffer(batchRows)),
    ...changes,
  };
}

/** Options of dictionaries in a folder of their own, from the beginning. */
export function encoderIn(folder: string, memoryBytes = 1e8): IdEncoderOptions {
  const zeros = () => Array.from({ length: 26 }, () => 0);
  const own = mkdtempSync(join(folder, 'vocabulary-'));
  return { folder: own, memoryBytes, start: { values: zeros(), pending: zeros() } };
}

/** Reads some inputs to their end. */
export async function readRaw(
  inputs: readonly string[],
  changes: Partial<CriteoReaderOptions> = {},
): Promise<RawResult> {
  const options = readerOptions(inputs, changes);
  const { CriteoReader } = loadAddon();
  const reader = new CriteoReader(options);
  const label: number[] = [];
  const dense: number[] = [];
  const sparse: number[] = [];
  const batchRows: number[] = [];
  const segments: { input: number; rows: number }[] = [];
  try {
    for (let batch = await reader.next(); batch; batch = await reader.next()) {
      const buffer = options.buffers[batch.slot];
      if (!buffer) throw new Error(`no buffer ${batch.slot}`);
      for (const value of buffer.label.subarray(0, batch.rows)) label.push(value);
      for (const value of buffer.dense.subarray(0, batch.rows * 13)) dense.push(value);
      for (const value of buffer.sparse.subarray(0, batch.rows * 26)) sparse.push(value);
      batchRows.push(batch.rows);
      segments.push(...batch.segments);
      reader.release(batch.slot);
    }
    const [summary, distinct] = [reader.summary(), loadAddon().estimateDistinct(reader.sketches())];
    return { label, dense, sparse, batchRows, segments, summary, distinct };
  } finally {
    reader.close();
  }
}
