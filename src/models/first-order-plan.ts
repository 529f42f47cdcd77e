import type { Config } from '../config/config.ts';
import type { DeepConfig } from '../config/model-schema.ts';
import type { GraphBuilder, TensorRef } from '../graph/graph-builder.ts';
import type { EmbeddingAttributes } from '../graph/graph-spec.ts';
import { firstComponent } from '../graph/joins.ts';
import { chooseGradient } from './embedding/plan-context.ts';
import {
  type DataFacts,
  type EmbeddingPlan,
  embeddingBudget,
  fullTableFloats,
  planEmbedding,
} from './embedding-plan.ts';

/** The embedding of a model with a first-order term, and the first-order weights of ids. */
export interface DeepPlan {
  /** Floats of all its parameters. */
  readonly floats: number;
  /** Σ E_t·D / floats (for full tables, without the first-order weights: 1); null when the table sizes aren't known. */
  readonly compression: number | null;
  readonly warnings: readonly string[];
  /** Ids [B, T] → the slots [B, F, D]. */
  slots(graph: GraphBuilder, ids: TensorRef): TensorRef;
  /** Ids and slots → the ids' first-order weights [B, F] or [B, F, 1], the tensor `linear`. */
  firstOrder(graph: GraphBuilder, ids: TensorRef, slots: TensorRef): TensorRef;
}

/** Standard deviation that criteo_deepctr gives its shared array: N(0, 1e-4). */
const COMPAT_STD = 1e-4;
/** Beyond every configured seed, so that ids that share floats in one array don't in the other. */
const LINEAR_HASH_SEED = 2 ** 32;

/**
 * Plans the embedding and the dim-1 tables of the first-order term. Full tables get dim-1 tables beside them; under every other kind the
 * first-order weights are hashed one by one into an array of their own, which takes its share, one float in dim + 1, of the one budget.
 * @throws UsageError ERR_CONFIG as `planEmbedding` does
 */
export function planDeep(config: Config, model: DeepConfig, facts: DataFacts): DeepPlan {
  if (model.compat === 'criteo_deepctr') return planAliased(planEmbedding(config, facts));
  const { kind, dim } = config.embedding;
  const tableSizes = facts.ids === 'vocab' ? (facts.tableSizes ?? []) : [];
  if (kind === 'full') {
    const embedding = planEmbedding(config, facts);
    const rows = embedding.floats / dim;
    return withLinear(config, facts, embedding, { kind: 'full', memorySize: rows, tableSizes });
  }
  const budget = embeddingBudget(config, facts);
  const first = Math.max(1, Math.floor(budget / (dim + 1)));
  const memorySize = restOf(config, budget - first);
  const embedding = planEmbedding({ ...config, embedding: { ...config.embedding, memorySize } }, facts);
  return withLinear(config, facts, embedding, { kind: 'hashednet', memorySize: first, tableSizes });
}

/** What is left for the embedding, in the whole rows or chunks that its kind is cut into. */
function restOf({ embedding }: Config, floats: number): number {
  const { kind, dim, chunkSize, aligned } = embedding;
  const unit = kind === 'hash' ? dim : aligned ? chunkSize : 1;
  return Math.max(floats - (floats % unit), chunkSize);
}

function withLinear(
  config: Config,
  facts: DataFacts,
  embedding: EmbeddingPlan,
  array: Pick<EmbeddingAttributes, 'kind' | 'memorySize' | 'tableSizes'>,
): DeepPlan {
  const lookup = { kind: array.kind, dim: 1, chunkSize: 1 };
  const attributes: EmbeddingAttributes = {
    ...lookup,
    ...array,
    hash: config.embedding.hash,
    hashSeed: config.seed + LINEAR_HASH_SEED,
    aligned: false,
    gradient: chooseGradient(config, array.memorySize, facts.numTables, lookup),
  };
  const floats = embedding.floats + array.memorySize;
  const fullFloats = fullTableFloats(config, facts);
  const isFull = array.kind === 'full' || fullFloats === undefined;
  return {
    floats,
    compression: isFull ? embedding.compression : fullFloats / floats,
    warnings: embedding.warnings,
    slots: (graph, ids) => embedding.build(graph, ids),
    firstOrder: (graph, ids) => {
      const arrays = array.kind === 'full' ? array.tableSizes : [array.memorySize];
      const inits = arrays.map(() => ({ kind: 'zeros' }) as const);
      return graph.embedding('linear', ids, attributes, inits);
    },
  };
}

function planAliased({ floats, compression, warnings, build }: EmbeddingPlan): DeepPlan {
  const init = { kind: 'normal', std: COMPAT_STD } as const;
  return {
    floats,
    compression,
    warnings,
    slots: (graph, ids) =>
      graph.adjusting(
        (parameter) => ({ ...parameter, init }),
        () => build(graph, ids),
      ),
    firstOrder: (graph, _, slots) => firstComponent(graph, 'linear', slots),
  };
}
