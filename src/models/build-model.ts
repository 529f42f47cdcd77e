import type { Config } from '../config/config.ts';
import { countParameters } from '../graph/graph-builder.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import { autoIntTerms } from './autoint.ts';
import { dcnTerms } from './dcn.ts';
import { buildDeep, type DeepInputs } from './deep.ts';
import { deepFmTerms } from './deepfm.ts';
import { buildDlrm } from './dlrm.ts';
import { type DataFacts, planEmbedding } from './embedding-plan.ts';
import { fiBiNetTerms } from './fibinet.ts';
import { planDeep } from './first-order-plan.ts';
import { xDeepFmTerms } from './xdeepfm.ts';

/** A model ready to be compiled by the engine. */
export interface Model {
  readonly graph: GraphSpec;
  /** Floats of all parameters. */
  readonly parameters: number;
  /** Bytes of the embeddings' parameters. */
  readonly embeddingBytes: number;
  /** Σ E_t·D / |M|; null when the table sizes aren't known even as an estimate. */
  readonly compression: number | null;
}

/**
 * The model a config describes, for given data.
 * @throws UsageError ERR_CONFIG when they don't fit together
 */
export function buildModel(config: Config, facts: DataFacts): Model {
  const graph = buildGraph(config, facts);
  return {
    graph,
    parameters: countParameters(graph),
    embeddingBytes: 4 * countParameters(graph, 'embedding'),
    compression: planEmbedding(config, facts).compression,
  };
}

function buildGraph(config: Config, facts: DataFacts): GraphSpec {
  const { model } = config;
  if (model.kind === 'dlrm') return buildDlrm(model, facts, planEmbedding(config, facts));
  const ownTerms = (inputs: DeepInputs) => {
    switch (model.kind) {
      case 'dcn':
        return dcnTerms(model, inputs);
      case 'autoint':
        return autoIntTerms(model, inputs);
      case 'deepfm':
        return deepFmTerms(inputs);
      case 'xdeepfm':
        return xDeepFmTerms(model, inputs);
      case 'fibinet':
        return fiBiNetTerms(model, inputs);
    }
  };
  return buildDeep(config, model, facts, planDeep(config, facts), ownTerms);
}
