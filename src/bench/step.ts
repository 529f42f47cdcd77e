import type { Addon, NativeEngine, OptimizerSpec } from '../addon/addon-types.ts';
import type { BenchCase } from './cases.ts';
import { flopsPerSample } from './flops.ts';
import { gatedSamples, median, type Peak } from './gated-samples.ts';
import { syntheticBatch } from './synthetic-batch.ts';

/** One row of a benchmark: one JSON object of `--json`. */
export interface BenchRow {
  readonly bench: 'step' | 'inference';
  readonly case: string;
  /** The kind of model, where one is timed. */
  readonly model?: string;
  readonly device: 'cpu' | 'cuda';
  readonly precision: string;
  readonly threads: number;
  readonly memorySize: number;
  readonly gradient: string;
  readonly medianMs: number;
  readonly samplesPerSecond: number;
  /** Milliseconds the step's floating-point operations take at `peak`. */
  readonly rooflineMs: number;
  /** rooflineMs / medianMs. */
  readonly rooflineFraction: number;
  /** GFLOP/s of multiply-adds of this precision beside the samples, their median; on a GPU, its published rate. */
  readonly peak: number;
  readonly samples: number;
  readonly rejected: number;
  /** Milliseconds of each part of a step, in the median sample. */
  readonly parts: Readonly<Record<string, number>>;
}

/** Different batches, so that M isn't looked up at the same places again and again. */
const BATCHES = 4;
/** A sample runs at least this many rows, so that short steps aren't lost in the cost of a call. */
const ROWS_PER_SAMPLE = 8192;

/**
 * Times whole training steps, or predictions.
 * @param samples how many accepted samples the median is taken of
 */
export async function benchStep(
  addon: Addon,
  bench: 'step' | 'inference',
  benchmark: BenchCase,
  peak: Peak,
  samples: number,
): Promise<BenchRow> {
  const { batchSize, config, model, tableSizes } = benchmark;
  const training = bench === 'step';
  const embedding = model.graph.nodes.find(({ op }) => op === 'embedding')?.attributes;
  const engine = new addon.Engine(model.graph, {
    batchSize,
    threads: peak.threads,
    seed: config.seed,
    optimizer: config.optimizer as OptimizerSpec,
    isa: 'auto',
    training,
    precision: config.precision,
    ...(peak.gpu !== undefined && { device: 'cuda', deviceIndex: peak.gpu }),
  });
  try {
    const steps = training ? Math.max(1, Math.floor(ROWS_PER_SAMPLE / batchSize / BATCHES)) : 1;
    const batches = Array.from({ length: BATCHES }, (_, i) =>
      syntheticBatch(batchSize * steps, tableSizes, model.graph.numDense, i + 1),
    );
    const rates = new Float64Array(steps).fill(config.optimizer.learningRate);
    let calls = 0;
    const work = async () => {
      const batch = batches[calls++ % BATCHES] as (typeof batches)[number];
      if (training) await engine.train(batch, batchSize, 1 + (calls - 1) * steps, rates);
      else await engine.predict(batch);
    };
    for (let i = 0; i < BATCHES; i++) await work();
    await engine.takeTimings();
    const taken = await gatedSamples(addon, peak, samples, work, () => engine.takeTimings());
    const middle = taken.accepted[taken.accepted.length >> 1];
    const medianMs = (middle?.milliseconds ?? Number.NaN) / steps;
    const peakRate = median(taken.accepted.map((sample) => sample.peak));
    const rooflineMs =
      (flopsPerSample(model.graph, training ? 'train' : 'inference') * batchSize) / peakRate / 1e6;
    return {
      bench,
      case: benchmark.name,
      model: config.model.kind,
      device: peak.gpu === undefined ? 'cpu' : 'cuda',
      precision: config.precision,
      threads: peak.threads,
      memorySize: Number(embedding?.['memorySize']),
      gradient: String(embedding?.['gradient']),
      medianMs,
      samplesPerSecond: (batchSize * 1000) / medianMs,
      rooflineMs,
      rooflineFraction: rooflineMs / medianMs,
      peak: peakRate,
      samples: taken.accepted.length,
      rejected: taken.rejected,
      parts: sumParts(middle?.details ?? {}, steps),
    };
  } finally {
    await disposeQuietly(engine);
  }
}

/** Node timings (`topMlp.0.forward`) joined to parts (`topMlp.forward`), in milliseconds a step. */
function sumParts(timings: Readonly<Record<string, number>>, steps: number): Record<string, number> {
  const parts: Record<string, number> = {};
  for (const [key, milliseconds] of Object.entries(timings)) {
    const part = key.replace(/\.\d+\./, '.');
    parts[part] = (parts[part] ?? 0) + milliseconds / steps;
  }
  return parts;
}

/** An error on the way out would hide the one that matters. */
async function disposeQuietly(engine: NativeEngine): Promise<void> {
  await engine.dispose().catch(() => undefined);
}
