import type { EngineOptions, NativeEngine, OptimizerSpec } from '../../src/addon/addon-types.ts';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';
import { type DataFacts, type EmbeddingPlan, planEmbedding } from '../../src/models/embedding-plan.ts';
import type { Weights } from './embedding-reference.ts';
import { NUM_DENSE, readTensor, SGD, withEngine } from './op-graphs.ts';
import { SeededRandom } from './seeded-random.ts';

/** Every kind and every choice within one, as settings of a config; `{dim: 8}` unless they say something else. */
export const KINDS: readonly string[] = [
  'kind: full',
  'kind: hash, memorySize: 400',
  'kind: hash, memorySize: 720, minRows: 20',
  'kind: hash, memorySize: 404, perTable: true',
  'kind: robe, memorySize: 301, chunkSize: 4',
  'kind: robe, memorySize: 304, chunkSize: 4, aligned: true',
  'kind: robe, memorySize: 600, chunkSize: 4, minRows: 20',
  'kind: robe, memorySize: 600, chunkSize: 8, minRows: 20, aligned: true',
  'kind: hashednet, memorySize: 500, minRows: 10',
  'kind: qr, memorySize: 700',
  'kind: qr, memorySize: 300, operation: sum',
  'kind: qr, memorySize: 500, operation: sum, minRows: 20',
  'kind: qr, memorySize: 500, operation: concat',
  'kind: qr, memorySize: 560, operation: concat, minRows: 20',
  'kind: qr, memorySize: 350, operation: concat, memories: 4',
  'kind: qr, memorySize: 600, operation: concat, memories: 4, minRows: 20',
  'kind: qr, memorySize: 700, operation: product, memories: 3, minRows: 20',
  'kind: md, memorySize: 900',
  'kind: md, memorySize: 1200, alpha: 0.6, minRows: 10',
  'kind: tt, memorySize: 600',
  'kind: tt, memorySize: 1300, minRows: 20',
  'kind: jlt, memorySize: 330',
  'kind: jlt, memorySize: 500, nonZeros: 2, minRows: 20',
  'kind: jlt, memorySize: 1000, sketch: gaussian',
  'kind: jlt, memorySize: 800, sketch: achlioptas, minRows: 20',
];

/** E_t of the tests' tables. */
export const TABLE_SIZES: readonly number[] = [100, 3, 17, 2, 61];

/** Kinds that work on raw 32-bit ids as well. */
export function takesRawIds(kind: string): boolean {
  return !/kind: (full|md)|minRows/.test(kind);
}

/** A planned embedding, and a graph that ends in its slots. */
export interface PlannedKind {
  readonly config: Config;
  readonly plan: EmbeddingPlan;
  readonly graph: GraphSpec;
  readonly ids: DataFacts['ids'];
}

/** @param embedding the `embedding` section as one line of YAML */
export function planKind(
  embedding: string,
  options: {
    readonly ids?: DataFacts['ids'];
    readonly sizes?: readonly number[];
    readonly sets?: readonly string[];
    /** A small model that trains, rather than the slots alone. */
    readonly trains?: boolean;
  } = {},
): PlannedKind {
  const { ids = 'vocab', sizes = TABLE_SIZES, sets = [] } = options;
  const dim = /dim: /.test(embedding) ? '' : 'dim: 8, ';
  const text = `
seed: 11
data: { train: none, eval: none, batchSize: 64 }
embedding: { ${dim}${embedding} }
model: { kind: dlrm, bottomMlp: [8], topMlp: [1] }
optimizer: { learningRate: 0.1 }`;
  const config = parseConfig(text, 'kind', sets);
  const known = ids === 'vocab' ? { tableSizes: sizes } : { distinct: sizes };
  const plan = planEmbedding(config, { numDense: NUM_DENSE, numTables: sizes.length, ids, ...known });
  const graph = new GraphBuilder(NUM_DENSE, sizes.length);
  const dense = graph.denseInput();
  const slots = plan.build(graph, graph.sparseInput());
  if (!options.trains) return { config, plan, ids, graph: graph.buildPart(slots) };
  const init = { weight: { kind: 'uniform', bound: 0.5 }, bias: { kind: 'zeros' } } as const;
  const bottom = graph.linear('bottom', dense, config.embedding.dim, 'none', init);
  const interaction = graph.dotInteraction('interaction', bottom, slots);
  return { config, plan, ids, graph: graph.build(graph.linear('end', interaction, 1, 'none', init)) };
}

/** All parameters of an engine, in float64. */
export async function readWeights(engine: NativeEngine): Promise<Weights> {
  const weights = new Map<string, { shape: readonly number[]; values: Float64Array }>();
  for (const { name, shape } of engine.parameters()) {
    weights.set(name, { shape, values: Float64Array.from(await readTensor(engine, name)) });
  }
  return weights;
}

/** An optimizer as the tests use it. */
export function optimizer(kind: OptimizerSpec['kind']): OptimizerSpec {
  return { ...SGD, kind, initialAccumulator: kind.includes('adagrad') ? 0.125 : 0 };
}

/** All parameters and state of a small model with such an embedding after four steps, the last of a smaller batch. */
export function trainKind(
  kind: string,
  gradient: string,
  seed: number,
  options: Partial<EngineOptions>,
): Promise<Float32Array> {
  const { graph } = planKind(kind, { sets: [`embedding.gradient=${gradient}`], trains: true });
  const random = new SeededRandom(seed);
  const rows = 3 * 70 + 9;
  const batch = {
    labels: Uint8Array.from({ length: rows }, () => random.below(2)),
    dense: random.floats(rows * NUM_DENSE),
    sparse: random.ids(rows, TABLE_SIZES),
  };
  return withEngine(graph, { batchSize: 70, guards: false, ...options }, async (engine) => {
    const { appliedSteps } = await engine.train(batch, 70, 1, Float64Array.of(0.5, 0.25, 0.125, 0.5));
    if (appliedSteps !== 4) throw new Error(`${appliedSteps} of 4 steps were applied`);
    const all: number[] = [];
    for (const { name } of [...engine.parameters(), ...engine.optimizerState()]) {
      for (const value of await readTensor(engine, name)) all.push(value);
    }
    return Float32Array.from(all);
  });
}

/** Losses of twelve steps of a small model with such an embedding, over the same 70 rows again and again. */
export function lossesOfKind(
  kind: string,
  seed: number,
  options: Partial<EngineOptions>,
): Promise<Float64Array> {
  const { graph } = planKind(kind, { trains: true });
  const random = new SeededRandom(seed);
  const batch = {
    labels: Uint8Array.from({ length: 70 }, () => random.below(2)),
    dense: random.floats(70 * NUM_DENSE),
    sparse: random.ids(70, TABLE_SIZES),
  };
  return withEngine(graph, { batchSize: 70, guards: false, ...options }, async (engine) => {
    const losses = new Float64Array(12);
    for (let step = 0; step < losses.length; step++) {
      const trained = await engine.train(batch, 70, step + 1, Float64Array.of(0.1));
      losses[step] = trained.losses[0] as number;
    }
    return losses;
  });
}

/**
 * How far a bf16 loss may be from float32's. Rounding moves a logit, whose terms add up to about 1 here, by some 2^-9, and the loss, 1-Lipschitz in it, no more;
 * over 70 rows these are independent and their mean is off by 2^-9 / √70, about 2^-12. Four of these are less than a quarter of what any kind's loss falls.
 */
export const BF16_LOSS = 2 ** -10;
