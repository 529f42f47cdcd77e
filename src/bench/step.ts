import { freemem } from 'node:os';
import type { Addon, EngineOptions, NativeEngine, OptimizerSpec } from '../addon/addon-types.ts';
import { PssError } from '../errors.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import { calibrate } from '../quantization/calibrate.ts';
import { quantizeGraph } from '../quantization/quantize-graph.ts';
import { type BenchRow, measuredFigures } from './bench-row.ts';
import type { BenchCase } from './cases.ts';
import { flopsPerSample } from './flops.ts';
import { gatedSamples, median, type Peak } from './gated-samples.ts';
import { syntheticBatch } from './synthetic-batch.ts';

/** Rows, at the least, before they come again: what they look up in a large M or large tables is more than caches hold. */
const DISTINCT_ROWS = 32_768;
/** Batches, at the least. */
const FEWEST_BATCHES = 4;
/** Rows that int8 is calibrated with: its time doesn't depend on what the ranges are. */
const CALIBRATION_ROWS = 256;
/** A sample runs at least this many rows, so that short steps aren't lost in the cost of a call. */
const ROWS_PER_SAMPLE = 2048;

/**
 * Times whole training steps, or predictions, which are in the precision of the peak where that is int8.
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
  if (peak.gpu === undefined) expectMemory(benchmark);
  const quantized = peak.precision === 'int8';
  const options: EngineOptions = {
    batchSize,
    threads: peak.threads,
    seed: config.seed,
    optimizer: config.optimizer as OptimizerSpec,
    isa: 'auto',
    training,
    precision: quantized ? 'bf16' : config.precision,
    ...(peak.gpu !== undefined && { device: 'cuda', deviceIndex: peak.gpu }),
  };
  const engine = new addon.Engine(
    quantized ? await quantize(addon, benchmark, options) : model.graph,
    options,
  );
  try {
    const steps = training ? Math.max(1, Math.floor(ROWS_PER_SAMPLE / batchSize)) : 1;
    const count = Math.max(FEWEST_BATCHES, Math.ceil(DISTINCT_ROWS / (batchSize * steps)));
    const batches = Array.from({ length: count }, (_, i) =>
      syntheticBatch(batchSize * steps, tableSizes, model.graph.numDense, i + 1),
    );
    const rates = new Float64Array(steps).fill(config.optimizer.learningRate);
    let calls = 0;
    const work = async () => {
      const batch = batches[calls++ % count] as (typeof batches)[number];
      if (training) await engine.train(batch, batchSize, 1 + (calls - 1) * steps, rates);
      else await engine.predict(batch);
    };
    for (let i = 0; i < count; i++) await work();
    await engine.takeTimings();
    const taken = await gatedSamples(addon, peak, samples, { work, inspect: () => engine.takeTimings() });
    const middle = taken.accepted[taken.accepted.length >> 1];
    const medianMs = (middle?.milliseconds ?? Number.NaN) / steps;
    const flops = flopsPerSample(model.graph, training ? 'train' : 'inference') * batchSize;
    const peakRate = median(taken.accepted.map((sample) => sample.peak));
    return {
      bench,
      case: benchmark.name,
      model: config.model.kind,
      device: peak.gpu === undefined ? 'cpu' : 'cuda',
      precision: quantized ? 'int8' : config.precision,
      threads: peak.threads,
      memorySize: Number(embedding?.['memorySize']),
      gradient: String(embedding?.['gradient']),
      ...measuredFigures(taken, medianMs, flops / peakRate / 1e6, batchSize),
      parts: sumParts(middle?.details ?? {}, steps),
    };
  } finally {
    await disposeQuietly(engine);
  }
}

/** @throws PssError ERR_MEMORY when the machine hasn't got what the parameters take, which would end in being killed */
function expectMemory({ name, model }: BenchCase): void {
  const [taken, free] = [model.parameters * 4, freemem()];
  if (taken <= free) return;
  const [takenGib, freeGib] = [taken, free].map((bytes) => (bytes / 2 ** 30).toFixed(1));
  throw new PssError(
    'ERR_MEMORY',
    `The parameters of ${name} take ${takenGib} GiB, and ${freeGib} GiB are free; give fewer --table-rows, or a smaller --memory-size.`,
  );
}

/** The case's model with MLPs in int8, as its initial weights behave on synthetic rows. */
async function quantize(
  addon: Addon,
  { model: { graph }, tableSizes }: BenchCase,
  options: EngineOptions,
): Promise<GraphSpec> {
  const engine = new addon.Engine(graph, { ...options, precision: 'f32' });
  try {
    const batch = syntheticBatch(CALIBRATION_ROWS, tableSizes, graph.numDense, 0);
    return quantizeGraph(graph, (await calibrate(engine, graph, [batch])).scales);
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
