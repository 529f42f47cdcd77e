import type { Config } from '../config/config.ts';
import { UsageError } from '../errors.ts';
import { joinSlots } from '../graph/embedding-nodes.ts';
import type { GraphBuilder, TensorRef } from '../graph/graph-builder.ts';
import { planFull } from './embedding/full-tables.ts';
import { planMixedDimensions } from './embedding/mixed-dimensions.ts';
import { type EmbeddingPart, type PlanContext, sumOf } from './embedding/plan-context.ts';
import { planQuotientRemainder } from './embedding/quotient-remainder.ts';
import { planHashPerTable, planSharedArray } from './embedding/shared-array.ts';
import { planSketch } from './embedding/sketched.ts';
import { planTensorTrain } from './embedding/tensor-train.ts';

/** What a model needs to know about its data; a data set's `facts` are this. */
export interface DataFacts {
  readonly numDense: number;
  readonly numTables: number;
  readonly ids: 'raw' | 'vocab';
  /** E_t, with `ids: vocab`. */
  readonly tableSizes?: readonly number[];
  /** Estimate of E_t, with `ids: raw`. */
  readonly distinct?: readonly number[];
}

/** The embedding of a model: how its slots are made, and what it saves. */
export interface EmbeddingPlan {
  /** Floats of all its parameters. */
  readonly floats: number;
  /** Σ E_t·D / floats; null when the table sizes aren't known even as an estimate. */
  readonly compression: number | null;
  /** Sentences about choices that work but are seldom meant. */
  readonly warnings: readonly string[];
  /** Adds the nodes: ids [B, T] → slots [B, F = T, D], the tensor `embedding`. */
  build(graph: GraphBuilder, ids: TensorRef): TensorRef;
}

const PLANNERS: Readonly<Record<Config['embedding']['kind'], (context: PlanContext) => EmbeddingPart[]>> = {
  full: planFull,
  hash: (context) =>
    context.config.embedding.perTable ? planHashPerTable(context) : planSharedArray(context),
  robe: planSharedArray,
  hashednet: planSharedArray,
  qr: planQuotientRemainder,
  md: planMixedDimensions,
  tt: planTensorTrain,
  jlt: planSketch,
};

/**
 * Turns the `embedding` section and the data's table sizes into arrays, their sizes and initial values.
 * @throws UsageError ERR_CONFIG when the data don't have what the kind or hash needs, or the budget is too small
 */
export function planEmbedding(config: Config, facts: DataFacts): EmbeddingPlan {
  const sizes = sizesOf(facts);
  const fullFloats = fullTableFloats(config, facts);
  const context: PlanContext = {
    config,
    numTables: facts.numTables,
    // An estimate of an empty column is 0, which no array can have.
    tables: sizes?.map((size, column) => ({ column, size: Math.max(1, Math.round(size)) })),
    numbered: facts.ids === 'vocab',
    budget: embeddingBudget(config, facts),
  };
  const parts = PLANNERS[config.embedding.kind](context);
  const floats = sumOf(parts, (part) => part.floats);
  return {
    floats,
    compression: fullFloats === undefined ? null : fullFloats / floats,
    warnings: parts.flatMap((part) => part.warnings ?? []),
    build: (graph, ids) => buildParts(parts, graph, ids),
  };
}

function buildParts(parts: readonly EmbeddingPart[], graph: GraphBuilder, ids: TensorRef): TensorRef {
  const [only] = parts;
  if (only && parts.length === 1) return only.build(graph, 'embedding', ids);
  const inputs = parts.map((part) => ({
    slots: part.build(graph, `embedding.${part.suffix}`, ids),
    places: part.columns,
  }));
  return joinSlots(graph, 'embedding', inputs);
}

function sizesOf(facts: DataFacts): readonly number[] | undefined {
  return facts.ids === 'vocab' ? facts.tableSizes : facts.distinct;
}

/** Σ E_t·D; undefined when the table sizes aren't known even as an estimate. */
export function fullTableFloats(config: Config, facts: DataFacts): number | undefined {
  const sizes = sizesOf(facts);
  return sizes && sumOf(sizes, (size) => size) * config.embedding.dim;
}

/**
 * Floats the embedding may take: as configured, or ⌊Σ E_t·D / compression⌋; for full tables all of them.
 * @throws UsageError ERR_CONFIG when a compression means nothing, for want of table sizes
 */
export function embeddingBudget(config: Config, facts: DataFacts): number {
  const { kind, compression, memorySize } = config.embedding;
  const fullFloats = fullTableFloats(config, facts);
  if (kind === 'full') return fullFloats ?? 0;
  if (memorySize !== undefined) return memorySize;
  if (fullFloats === undefined) {
    throw new UsageError(
      'ERR_CONFIG',
      "embedding.compression means nothing here, since the data's manifest doesn't say how many ids there are; give embedding.memorySize instead.",
    );
  }
  return Math.floor(fullFloats / (compression as number));
}
