import { BatchStream } from '../batch/batch-stream.ts';
import type { Config } from '../config/config.ts';
import { learningRates } from './learning-rate.ts';
import { Schedule } from './schedule.ts';
import { completeSurroundings } from './surroundings.ts';
import { openTrainingRun, type TrainingRun } from './training-run.ts';

/** Steps before the clock is started: buffers are touched for the first time, and caches fill. */
const WARM_UP_STEPS = 10;

/**
 * Seconds that 1000 iterations take, waiting for data included, measured over `steps` steps of a new run after a warm-up. Nothing is logged,
 * evaluated or kept.
 * @throws PssError when data or model don't fit
 */
export async function timeSteps(config: Config, steps: number): Promise<number> {
  const run = await openTrainingRun({ ...completeSurroundings({}), config, runDir: '', resume: false });
  const { batchSize, shuffle } = config.data;
  const stream = new BatchStream(run.trainData, {
    batchSize,
    maxBatches: new Schedule(config, run.trainData.rows).superbatchSteps,
    shuffle,
    // The next window is read meanwhile: one of a larger size would charge these few steps with reading for many.
    windowRows: steps * batchSize,
    seed: config.seed,
  });
  try {
    stream.seek(0, 0);
    await trainSteps(run, stream, 0, WARM_UP_STEPS);
    const startedAt = performance.now();
    await trainSteps(run, stream, WARM_UP_STEPS, WARM_UP_STEPS + steps);
    return (performance.now() - startedAt) / steps;
  } finally {
    await stream.close();
    await run.close();
  }
}

/** Steps `from` to (not with) `to`; the next batches are made while the engine works, as in training. */
async function trainSteps(
  { engine, config }: TrainingRun,
  stream: BatchStream,
  from: number,
  to: number,
): Promise<void> {
  let reading = stream.read(to - from);
  for (let step = from; step < to; ) {
    const batch = await reading;
    if (!batch) throw new RangeError('the training data ended early');
    const last = step + batch.batches;
    const rates = learningRates(step + 1, last, config.optimizer);
    const training = engine.train(batch, config.data.batchSize, step + 1, rates);
    if (last < to) reading = stream.read(to - last);
    reading.catch(() => undefined);
    await training;
    step = last;
  }
}
