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
  /** Bytes of the embedding's parameters, and of its first-order weights. */
  readonly embeddingBytes: number;
  /** Σ E_t·D / |M|; null when the table sizes aren't known even as an estimate. */
  readonly compression: number | null;
  /** Sentences about choices that work but are seldom meant. */
  readonly warnings: readonly string[];
}

/** What plans of embeddings say of themselves. */
interface Planned {
  readonly floats: number;
  readonly compression: number | null;
  readonly warnings: readonly string[];
}

/**
 * The model a config describes, for given data.
 * @throws UsageError ERR_CONFIG when they don't fit together
 */
export function buildModel(config: Config, facts: DataFacts): Model {
  const [graph, { floats, compression, warnings }] = buildGraph(config, facts);
  return { graph, parameters: countParameters(graph), embeddingBytes: floats * 4, compression, warnings };
}

function buildGraph(config: Config, facts: DataFacts): readonly [GraphSpec, Planned] {
  const { model } = config;
  if (model.kind === 'dlrm') {
    const embedding = planEmbedding(config, facts);
    return [buildDlrm(model, facts, embedding), embedding];
  }
  const plan = planDeep(config, model, facts);
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
  return [buildDeep(config, model, facts, plan, ownTerms), plan];
}
