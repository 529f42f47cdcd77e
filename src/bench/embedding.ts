import { freemem } from 'node:os';
import type { Addon, OptimizerSpec } from '../addon/addon-types.ts';
import { parseConfig } from '../config/config.ts';
import { PssError } from '../errors.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import type { EmbeddingAttributes, GraphSpec } from '../graph/graph-spec.ts';
import { planEmbedding } from '../models/embedding-plan.ts';
import {
  EMBEDDING_BATCH_SIZE as BATCH_SIZE,
  EMBEDDING_DIM as DIM,
  type EmbeddingCase,
} from './embedding-cases.ts';
import { gatedSamples, median, type Peak } from './gated-samples.ts';
import type { BenchRow } from './step.ts';
import { uniformBatch } from './synthetic-batch.ts';

/** Different batches, more of them than caches hold, so that M isn't looked up at the same places again and again. */
const BATCHES = 16;
/** Largest share of the free memory that one case's M may take. */
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

/**
 * Times lookup and update of one table, alone: 10,240 uniformly drawn ids, D = 128.
 * The roofline of a pass is the time its chunks take at random places of an array of |M| floats when their addresses are known.
 * @param samples how many accepted samples each median is taken of
 */
export async function benchEmbedding(
  addon: Addon,
  embeddingCase: EmbeddingCase,
  peak: Peak,
  samples: number,
): Promise<EmbeddingRow[] | SkippedCase> {
  let sizes: ReturnType<typeof planFor>;
  try {
    sizes = planFor(embeddingCase, 'auto');
  } catch (error) {
    if (!(error instanceof PssError)) throw error;
    return { case: embeddingCase.name, reason: error.message };
  }
  const bytes = sizes.plan.floats * 4;
  if (bytes > MEMORY_SHARE * freemem()) {
    return {
      case: embeddingCase.name,
      reason: `M takes ${gibibytes(bytes)} GiB, more than half of the ${gibibytes(freemem())} GiB that are free`,
    };
  }
  const roofline = rooflineOf(addon, graphFor(sizes), peak);
  if (!sizes.hasSparse) return timePasses(addon, embeddingCase, 'dense', peak, samples, roofline);
  const dense = await timePasses(addon, embeddingCase, 'dense', peak, samples, roofline);
  const sparse = await timePasses(addon, embeddingCase, 'sparse', peak, samples, roofline);
  return [...dense, ...sparse.filter(({ pass }) => pass !== 'forward')];
}

/** Milliseconds of each pass at the least. */
interface Roofline {
  readonly forwardMs: number;
  readonly backwardMs: number;
}

/** The time that all chunks of a batch take at random places, and, where every lookup reads all of M, its multiply-adds. */
function rooflineOf(addon: Addon, graph: GraphSpec, peak: Peak): Roofline {
  let [forwardMs, backwardMs] = [0, 0];
  for (const node of graph.nodes) {
    if (node.op === 'embedding') {
      const { dim, chunkSize, memorySize } = node.attributes as unknown as EmbeddingAttributes;
      const chunks = BATCH_SIZE * Math.ceil(dim / chunkSize);
      const rates = addon.chunkProbe(peak.threads, memorySize, chunkSize, chunks);
      forwardMs += (chunks * rates.gatherNs) / 1e6;
      backwardMs += (chunks * rates.updateNs) / 1e6;
    } else if (node.op === 'sketch') {
      const [k = 0, dim = 0] = graph.parameters[node.parameters[0] as number]?.shape ?? [];
      const productMs = (2 * BATCH_SIZE * k * dim) / peak.gflops / 1e6;
      forwardMs += productMs;
      backwardMs += productMs;
    }
  }
  return { forwardMs, backwardMs };
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}

function planFor({ rows, settings }: EmbeddingCase, gradient: 'auto' | 'dense' | 'sparse') {
  const config = parseConfig(
    `data: { train: none, eval: none, batchSize: ${BATCH_SIZE} }
embedding: { kind: robe, dim: ${DIM}, gradient: ${gradient} }
model: { kind: dlrm, bottomMlp: [${DIM}], topMlp: [1] }
optimizer: { kind: sgd, learningRate: 0.01 }
`,
    'bench embedding',
    settings,
  );
  const plan = planEmbedding(config, {
    numDense: 1,
    numTables: 1,
    ids: 'vocab',
    tableSizes: [rows],
  });
  const { sketch } = config.embedding;
  const hasSparse = sketch === undefined || sketch === 'sparse';
  return { plan, config, hasSparse, optimizer: config.optimizer as OptimizerSpec };
}

/** Ids → embedding → one weight a component → logit: the least there can be around a lookup that learns. */
function graphFor({ plan }: ReturnType<typeof planFor>): GraphSpec {
  const graph = new GraphBuilder(1, 1);
  const slots = plan.build(graph, graph.sparseInput());
  // The one slot [B, 1, D] read as [B, D].
  const flat = { ...slots, shape: [DIM] };
  const init = { kind: 'normal', std: 0.01 } as const;
  return graph.build(graph.linear('sum', flat, 1, 'none', { weight: init, bias: init }));
}

async function timePasses(
  addon: Addon,
  embeddingCase: EmbeddingCase,
  gradient: 'dense' | 'sparse',
  peak: Peak,
  samples: number,
  roofline: Roofline,
): Promise<EmbeddingRow[]> {
  const planned = planFor(embeddingCase, gradient);
  const graph = graphFor(planned);
  const engine = new addon.Engine(graph, {
    batchSize: BATCH_SIZE,
    threads: peak.threads,
    seed: 1,
    optimizer: planned.optimizer,
    isa: 'auto',
    training: true,
    precision: 'f32',
  });
  try {
    const batches = Array.from({ length: BATCHES }, (_, i) =>
      uniformBatch(BATCH_SIZE, embeddingCase.rows, i + 1),
    );
    const learningRate = Float64Array.of(0.01);
    let calls = 0;
    const work = async () => {
      const batch = batches[calls++ % BATCHES] as (typeof batches)[number];
      await engine.train(batch, BATCH_SIZE, calls, learningRate);
    };
    for (let i = 0; i < BATCHES; i++) await work();
    await engine.takeTimings();
    const taken = await gatedSamples(addon, peak, samples, work, () => engine.takeTimings());
    const { kind, chunkSize } = planned.config.embedding;
    const memorySize = planned.plan.floats;
    const row = (pass: EmbeddingRow['pass'], parts: RegExp, rooflineMs: number): EmbeddingRow => {
      const medianMs = median(taken.accepted.map(({ details }) => sumParts(details, parts)));
      return {
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
        optimizer: planned.optimizer.kind,
        auto: gradientOf(graphFor(planFor(embeddingCase, 'auto'))),
        pass,
        gradient,
        medianMs,
        samplesPerSecond: (BATCH_SIZE * 1000) / medianMs,
        rooflineMs,
        rooflineFraction: rooflineMs / medianMs,
        peak: median(taken.accepted.map((sample) => sample.peak)),
        samples: taken.accepted.length,
        rejected: taken.rejected,
        parts: {},
      };
    };
    return [
      row('forward', /^embedding.*\.forward$/, roofline.forwardMs),
      row(`backward-${gradient}`, backwardParts(graph), roofline.backwardMs),
    ];
  } finally {
    await engine.dispose();
  }
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

function sumParts(timings: Readonly<Record<string, number>>, parts: RegExp): number {
  return Object.entries(timings)
    .filter(([part]) => parts.test(part))
    .reduce((sum, [, milliseconds]) => sum + milliseconds, 0);
}
