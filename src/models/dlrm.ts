import type { Config } from '../config/config.ts';
import { GraphBuilder, type TensorRef } from '../graph/graph-builder.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import type { DataFacts, EmbeddingPlan } from './embedding-plan.ts';

/**
 * DLRM (Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation Systems", 2019): a bottom MLP over the
 * dense features, an embedding of every id, the dot products of all pairs of these vectors, a top MLP over them.
 * Every layer is ReLU but the last, whose output are the logits.
 */
export function buildDlrm(config: Config, facts: DataFacts, embedding: EmbeddingPlan): GraphSpec {
  const graph = new GraphBuilder(facts.numDense, facts.numTables);
  const bottom = mlp(graph, 'bottomMlp', graph.denseInput(), config.model.bottomMlp, true);
  const slots = embedding.build(graph, graph.sparseInput());
  const interaction = graph.dotInteraction('interaction', bottom, slots);
  return graph.build(mlp(graph, 'topMlp', interaction, config.model.topMlp, false));
}

/** Fully connected layers; weights ~ N(0, √(2/(in + out))), biases ~ N(0, √(1/out)), as facebookresearch/dlrm draws them. */
function mlp(
  graph: GraphBuilder,
  name: string,
  input: TensorRef,
  sizes: readonly number[],
  activateLast: boolean,
): TensorRef {
  return sizes.reduce((tensor, size, i) => {
    const activation = activateLast || i + 1 < sizes.length ? 'relu' : 'none';
    return graph.linear(`${name}.${i}`, tensor, size, activation, {
      weight: { kind: 'normal', std: Math.sqrt(2 / ((tensor.shape[0] as number) + size)) },
      bias: { kind: 'normal', std: Math.sqrt(1 / size) },
    });
  }, input);
}
