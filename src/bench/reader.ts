import type { Addon } from '../addon/addon-types.ts';
import { BatchStream } from '../batch/batch-stream.ts';
import { SHUFFLE_WINDOW_ROWS, type Shuffle } from '../batch/epoch-plan.ts';
import type { Dataset } from '../reader/dataset.ts';
import { allocateRows, type Rows } from '../reader/rows.ts';
import { type BenchRow, measuredFigures } from './bench-row.ts';
import { gatedSamples, median, type Peak } from './gated-samples.ts';

export const SHUFFLES = ['none', 'batches', 'rows'] as const satisfies readonly Shuffle[];

export interface ReaderRow extends Omit<BenchRow, 'bench' | 'gradient'> {
  readonly bench: 'reader';
  /** How rows were shuffled. */
  readonly case: Shuffle;
}

const BATCH_SIZE = 2048;
/** Batches of a superbatch: as many rows as training takes at once. */
const MAX_BATCHES = 4;
/** Rows copied to measure the roofline: more than any cache holds. */
const COPY_ROWS = 524_288;
const COPY_TRIES = 9;

/**
 * Times one pass over prepared data as training reads them, batch by batch, with nobody training.
 * The roofline is the time to copy each row once from one array to another, both larger than a cache.
 * @param samples how many accepted passes the median is taken of
 */
export async function benchReader(
  addon: Addon,
  dataset: Dataset,
  shuffle: Shuffle,
  peak: Peak,
  samples: number,
): Promise<ReaderRow> {
  const { numDense, numTables } = dataset.facts;
  let epoch = 0;
  const work = async () => {
    const stream = new BatchStream(dataset, {
      batchSize: BATCH_SIZE,
      maxBatches: MAX_BATCHES,
      shuffle,
      windowRows: SHUFFLE_WINDOW_ROWS,
      seed: 1,
      epochs: epoch + 1,
    });
    stream.seek(epoch++, 0);
    while (await stream.read()) {
      // Reading is all there is to it.
    }
    await stream.close();
  };
  await work();
  const taken = await gatedSamples(addon, peak, samples, { work, inspect: async () => undefined });
  const passMs = median(taken.accepted.map(({ milliseconds }) => milliseconds));
  const medianMs = (passMs * BATCH_SIZE) / dataset.rows;
  const rooflineMs = copyMs(numDense, numTables) * (BATCH_SIZE / COPY_ROWS);
  return {
    bench: 'reader',
    case: shuffle,
    device: 'cpu',
    precision: 'f32',
    threads: 1,
    memorySize: 0,
    ...measuredFigures(taken, medianMs, rooflineMs, BATCH_SIZE),
    parts: {},
  };
}

/** Milliseconds to copy COPY_ROWS rows in sequence: the best of several tries. */
function copyMs(numDense: number, numTables: number): number {
  const [from, to] = [1, 2].map(() => allocateRows(COPY_ROWS, numDense, numTables)) as [Rows, Rows];
  const times = Array.from({ length: COPY_TRIES }, () => {
    const start = performance.now();
    to.labels.set(from.labels);
    to.dense.set(from.dense);
    to.sparse.set(from.sparse);
    return performance.now() - start;
  });
  return Math.min(...times);
}
