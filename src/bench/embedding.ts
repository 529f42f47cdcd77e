import { freemem } from 'node:os';
import type { Addon, NativeEngine, OptimizerSpec } from '../addon/addon-types.ts';
import { PssError } from '../errors.ts';
import type { EmbeddingAttributes, GraphSpec } from '../graph/graph-spec.ts';
import { type BenchRow, measuredFigures } from './bench-row.ts';
import { BATCH_SIZE, DIM, type EmbeddingCase } from './embedding-cases.ts';
import {
  createEngine,
  hasSparseGradient,
  type PlannedEmbedding,
  planCase,
  type Roofline,
  rooflineOf,
} from './embedding-engine.ts';
import { alternatingSamples, median, type Peak, type Samples, type Subject } from './gated-samples.ts';
import { uniformBatch } from './synthetic-batch.ts';

/** Different batches, more of them than caches hold, so that M isn't looked up at the same places again and again. */
const BATCHES = 16;
/** A sample is a run of steps, as many as would take this long at the roofline: a step right after a pause waits for threads to wake. */
const RUN_MS = 2;
const MOST_STEPS = 8;
/** Largest share of the free memory that the arrays timed together, or one that is timed alone, may take. */
const MEMORY_SHARE = 0.5;

export const PASSES = ['forward', 'backward-dense', 'backward-sparse'] as const;

export interface EmbeddingRow extends Omit<BenchRow, 'bench'> {
  readonly bench: 'embedding';
  readonly kind: string;
  /** n: rows of the table. */
  readonly rows: number;
  /** n·D / |M| */
  readonly compression: number;
  readonly chunkSize: number;
  readonly optimizer: OptimizerSpec['kind'];
  /** What `gradient: auto` would take. */
  readonly auto: 'dense' | 'sparse';
  /** A backward pass sums the gradient and applies it to M, which the engine does in one. */
  readonly pass: (typeof PASSES)[number];
}

/** A case that doesn't fit this machine, and why. */
export interface SkippedCase {
  readonly case: string;
  readonly reason: string;
}

/** A case with one way of summing the gradient. */
interface Variant {
  readonly embeddingCase: EmbeddingCase;
  readonly gradient: 'dense' | 'sparse';
  readonly planned: PlannedEmbedding;
}

/** A case as it will be timed. */
interface Entry {
  readonly variants: readonly Variant[];
  /** Instead of variants. */
  readonly skipped?: SkippedCase;
}

/** Milliseconds of each node's passes, by name. */
type Timings = Readonly<Record<string, number>>;

/**
 * Times lookup and update of one table, alone: 10,240 uniformly drawn ids, D = 128. Cases are sampled in turn, as many of them together as
 * memory holds. The roofline of a pass is the time its chunks take at random places of an array of |M| floats when their addresses are known.
 * @param samples how many accepted samples each median is taken of
 * @param until when to stop sampling with fewer, as in `alternatingSamples`; cases timed together share what is left by their number
 * @returns for each case, in order, its rows, or why it was left out
 */
export async function* benchEmbedding(
  addon: Addon,
  cases: readonly EmbeddingCase[],
  peak: Peak,
  samples: number,
  until = Number.POSITIVE_INFINITY,
): AsyncGenerator<EmbeddingRow[] | SkippedCase> {
  const limit = MEMORY_SHARE * freemem();
  const waiting = cases.map((embeddingCase) => entryOf(embeddingCase, limit));
  const measureRoofline = rememberedRooflines(addon, peak);
  while (waiting.length > 0) {
    let count = 1;
    while (count < waiting.length && bytesOf(waiting.slice(0, count + 1)) <= limit) count++;
    const group = waiting.splice(0, count);
    const variants = group.flatMap((entry) => entry.variants);
    // One case alone may have room for one of its two arrays only.
    const rounds = bytesOf(group) <= limit ? [variants] : variants.map((variant) => [variant]);
    const rows = new Map<Variant, EmbeddingRow[]>();
    for (const round of rounds) {
      const rooflines = round.map(({ planned }) => measureRoofline(planned));
      const share = round.length / (round.length + countVariants(waiting));
      const stop = performance.now() + share * (until - performance.now());
      const timed = await timeTogether(addon, round, peak, { samples, until: stop, rooflines });
      for (const [variant, own] of timed) rows.set(variant, own);
    }
    yield* group.map(
      (entry) => entry.skipped ?? entry.variants.flatMap((variant) => rows.get(variant) ?? []),
    );
  }
}

function entryOf(embeddingCase: EmbeddingCase, limit: number): Entry {
  const variant = (gradient: Variant['gradient']): Variant => ({
    embeddingCase,
    gradient,
    planned: planCase(embeddingCase, gradient),
  });
  const skip = (reason: string): Entry => ({ variants: [], skipped: { case: embeddingCase.name, reason } });
  try {
    const dense = variant('dense');
    const bytes = dense.planned.plan.floats * 4;
    if (bytes > limit) {
      const [taken, free] = [bytes, limit / MEMORY_SHARE].map((each) => (each / 2 ** 30).toFixed(1));
      return skip(`M takes ${taken} GiB, more than half of the ${free} GiB that are free`);
    }
    return { variants: hasSparseGradient(dense.planned) ? [dense, variant('sparse')] : [dense] };
  } catch (error) {
    if (!(error instanceof PssError)) throw error;
    return skip(error.message);
  }
}

function bytesOf(entries: readonly Entry[]): number {
  return entries
    .flatMap(({ variants }) => variants)
    .reduce((sum, { planned }) => sum + planned.plan.floats * 4, 0);
}

function countVariants(entries: readonly Entry[]): number {
  return entries.reduce((sum, { variants }) => sum + variants.length, 0);
}

/** Cases that look up alike have the same roofline, which takes about as long to measure as they do. */
function rememberedRooflines(addon: Addon, peak: Peak): (planned: PlannedEmbedding) => Roofline {
  const known = new Map<string, Roofline>();
  return (planned) => {
    const key = JSON.stringify(
      planned.graph.nodes.map(({ op, attributes }) => [op, { ...attributes, gradient: '' }]),
    );
    const roofline = known.get(key) ?? rooflineOf(addon, planned, peak);
    known.set(key, roofline);
    return roofline;
  };
}

async function timeTogether(
  addon: Addon,
  variants: readonly Variant[],
  peak: Peak,
  { samples, until, rooflines }: { samples: number; until: number; rooflines: readonly Roofline[] },
): Promise<Map<Variant, EmbeddingRow[]>> {
  const engines = variants.map(({ planned }) => createEngine(addon, planned, peak));
  try {
    const subjects = variants.map(({ embeddingCase }, i) =>
      subjectOf(engines[i] as NativeEngine, embeddingCase.rows, stepsAt(rooflines[i] as Roofline)),
    );
    const taken = await alternatingSamples(addon, peak, samples, subjects, until);
    return new Map(
      variants.map((variant, i) => [
        variant,
        rowsOf(variant, taken[i] as Samples<Timings>, rooflines[i] as Roofline, peak),
      ]),
    );
  } finally {
    for (const engine of engines) await engine.dispose();
  }
}

function stepsAt({ forwardMs, backwardMs }: Roofline): number {
  return Math.min(MOST_STEPS, Math.max(1, Math.round(RUN_MS / (forwardMs + backwardMs))));
}

/** Steps on batches of their own, and first one that doesn't count, which brings M and the threads back to where a run of steps keeps them. */
function subjectOf(engine: NativeEngine, rows: number, steps: number): Subject<Timings> {
  const { labels, dense, sparse } = uniformBatch(BATCHES * BATCH_SIZE, rows, 1);
  const learningRates = new Float64Array(steps).fill(0.01);
  let taken = 0;
  const run = async (count: number) => {
    // The run that would pass the last batch starts over.
    const first = (taken % BATCHES) + count > BATCHES ? 0 : (taken % BATCHES) * BATCH_SIZE;
    const last = first + count * BATCH_SIZE;
    const batch = {
      labels: labels.subarray(first, last),
      dense: dense.subarray(first, last),
      sparse: sparse.subarray(first, last),
    };
    await engine.train(batch, BATCH_SIZE, taken + 1, learningRates.subarray(0, count));
    taken += count;
  };
  return {
    work: async () => {
      await run(1);
      await engine.takeTimings();
      await run(steps);
    },
    inspect: async () =>
      Object.fromEntries(
        Object.entries(await engine.takeTimings()).map(([part, milliseconds]) => [
          part,
          milliseconds / steps,
        ]),
      ),
  };
}

/** The passes of a variant; forward is told of the dense one alone, where it is the same. */
function rowsOf(
  { embeddingCase, gradient, planned }: Variant,
  taken: Samples<Timings>,
  roofline: Roofline,
  peak: Peak,
): EmbeddingRow[] {
  const memorySize = planned.plan.floats;
  const { kind, chunkSize } = planned.config.embedding;
  const row = (pass: EmbeddingRow['pass'], parts: RegExp, rooflineMs: number): EmbeddingRow => ({
    bench: 'embedding',
    case: embeddingCase.name,
    device: 'cpu',
    precision: 'f32',
    threads: peak.threads,
    kind,
    rows: embeddingCase.rows,
    memorySize,
    compression: (embeddingCase.rows * DIM) / memorySize,
    chunkSize,
    optimizer: planned.config.optimizer.kind,
    auto: gradientOf(planCase(embeddingCase, 'auto').graph),
    pass,
    gradient,
    ...measuredFigures(
      taken,
      median(taken.accepted.map(({ details }) => sumParts(details, parts))),
      rooflineMs,
      BATCH_SIZE,
    ),
    parts: {},
  });
  const backward = row(`backward-${gradient}`, backwardParts(planned.graph), roofline.backwardMs);
  return gradient === 'sparse'
    ? [backward]
    : [row('forward', /^embedding.*\.forward$/, roofline.forwardMs), backward];
}

/** Of the first lookup; without one, all of M is read. */
function gradientOf(graph: GraphSpec): 'dense' | 'sparse' {
  const lookup = graph.nodes.find(({ op }) => op === 'embedding');
  return lookup ? (lookup.attributes as unknown as EmbeddingAttributes).gradient : 'dense';
}

/** Timings of all nodes that make the embedding, backward, and of the update; where it has layers of its own, their gradients and update. */
function backwardParts(graph: GraphSpec): RegExp {
  const hasLayers = graph.nodes.some(({ op }) => op === 'projection' || op === 'sketch');
  return hasLayers
    ? /^embedding.*\.backward$|^update\.|^weightGradients$/
    : /^embedding.*\.backward$|^update\.embedding$/;
}

function sumParts(timings: Timings, parts: RegExp): number {
  return Object.entries(timings)
    .filter(([part]) => parts.test(part))
    .reduce((sum, [, milliseconds]) => sum + milliseconds, 0);
}
