import type { DlrmConfig } from '../config/model-schema.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import type { DataFacts, EmbeddingPlan } from './embedding-plan.ts';
import { mlp } from './mlp.ts';

/**
 * DLRM (Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation Systems", 2019): a bottom MLP over the
 * dense features, an embedding of every id, the dot products of all pairs of these vectors, a top MLP over them.
 * Every layer is ReLU but the last, whose output are the logits.
 */
export function buildDlrm(model: DlrmConfig, facts: DataFacts, embedding: EmbeddingPlan): GraphSpec {
  const graph = new GraphBuilder(facts.numDense, facts.numTables);
  const bottom = mlp(graph, 'bottomMlp', graph.denseInput(), model.bottomMlp, { activateLast: true });
  const slots = embedding.build(graph, graph.sparseInput());
  const interaction = graph.dotInteraction('interaction', bottom, slots);
  return graph.build(mlp(graph, 'topMlp', interaction, model.topMlp, { activateLast: false }));
}
