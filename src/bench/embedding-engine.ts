import type { Addon, NativeEngine, OptimizerSpec } from '../addon/addon-types.ts';
import { type Config, parseConfig } from '../config/config.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import type { EmbeddingAttributes, GraphSpec } from '../graph/graph-spec.ts';
import { type EmbeddingPlan, planEmbedding } from '../models/embedding-plan.ts';
import type { EmbeddingCase } from './embedding-cases.ts';
import type { Peak } from './gated-samples.ts';

/** Table 2 of the paper: lookups a batch, floats of an embedding. */
export const BATCH_SIZE = 10_240;
export const DIM = 128;

/** An embedding of one table in a model that does hardly anything else. */
export interface PlannedEmbedding {
  readonly plan: EmbeddingPlan;
  readonly config: Config;
  readonly graph: GraphSpec;
}

/**
 * The model of a case.
 * @throws UsageError when the case's kind can't be that small
 */
export function planCase(
  { rows, settings }: EmbeddingCase,
  gradient: 'auto' | 'dense' | 'sparse',
): PlannedEmbedding {
  const config = parseConfig(
    `data: { train: none, eval: none, batchSize: ${BATCH_SIZE} }
embedding: { kind: robe, dim: ${DIM}, gradient: ${gradient} }
model: { kind: dlrm, bottomMlp: [${DIM}], topMlp: [1] }
optimizer: { kind: sgd, learningRate: 0.01 }
`,
    'bench embedding',
    settings,
  );
  const facts = { numDense: 1, numTables: 1, ids: 'vocab', tableSizes: [rows] } as const;
  const plan = planEmbedding(config, facts);
  return { plan, config, graph: graphOf(plan) };
}

/** Ids → embedding → one weight a component → logit: the least there can be around a lookup that learns. */
function graphOf(plan: EmbeddingPlan): GraphSpec {
  const graph = new GraphBuilder(1, 1);
  const slots = plan.build(graph, graph.sparseInput());
  // The one slot [B, 1, D] read as [B, D].
  const flat = { ...slots, shape: [DIM] };
  const init = { kind: 'normal', std: 0.01 } as const;
  return graph.build(graph.linear('sum', flat, 1, 'none', { weight: init, bias: init }));
}

export function createEngine(addon: Addon, { graph, config }: PlannedEmbedding, peak: Peak): NativeEngine {
  return new addon.Engine(graph, {
    batchSize: BATCH_SIZE,
    threads: peak.threads,
    seed: 1,
    optimizer: config.optimizer as OptimizerSpec,
    isa: 'auto',
    training: true,
    precision: 'f32',
  });
}

/** A dense sketch has one way of summing its gradient only. */
export function hasSparseGradient({ config }: PlannedEmbedding): boolean {
  const { sketch } = config.embedding;
  return sketch === undefined || sketch === 'sparse';
}

/** Milliseconds of each pass at the least. */
export interface Roofline {
  readonly forwardMs: number;
  readonly backwardMs: number;
}

/** The time that all chunks of a batch take at random places, and, where every lookup reads all of M, its multiply-adds. */
export function rooflineOf(addon: Addon, { graph }: PlannedEmbedding, peak: Peak): Roofline {
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
