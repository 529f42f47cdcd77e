import type { Config } from '../config/config.ts';
import { countParameters } from '../graph/graph-builder.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import { buildDlrm } from './dlrm.ts';
import { type DataFacts, planEmbedding } from './embedding-plan.ts';

/** A model ready to be compiled by the engine. */
export interface Model {
  readonly graph: GraphSpec;
  /** Floats of all parameters. */
  readonly parameters: number;
  /** Bytes of the embedding's parameters. */
  readonly embeddingBytes: number;
  /** Σ E_t·D / |M|; null when the table sizes aren't known even as an estimate. */
  readonly compression: number | null;
  /** Sentences about choices that work but are seldom meant. */
  readonly warnings: readonly string[];
}

const BUILDERS = { dlrm: buildDlrm } as const;

/**
 * The model a config describes, for given data.
 * @throws UsageError ERR_CONFIG when they don't fit together
 */
export function buildModel(config: Config, facts: DataFacts): Model {
  const embedding = planEmbedding(config, facts);
  const graph = BUILDERS[config.model.kind](config, facts, embedding);
  return {
    graph,
    parameters: countParameters(graph),
    embeddingBytes: embedding.floats * 4,
    compression: embedding.compression,
    warnings: embedding.warnings,
  };
}
