import type { Config } from '../config/config.ts';
import type { DeepConfig } from '../config/model-schema.ts';
import { GraphBuilder, type TensorRef } from '../graph/graph-builder.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import { glorot } from '../graph/interactions.ts';
import { dropout, logitSum } from '../graph/joins.ts';
import type { DataFacts } from './embedding-plan.ts';
import type { DeepPlan } from './first-order-plan.ts';
import { mlp } from './mlp.ts';

/** What a model's own part is built of. */
export interface DeepInputs {
  readonly graph: GraphBuilder;
  /** x, the dense features [B, N]. */
  readonly dense: TensorRef;
  /** e, the embeddings [B, F, D]. */
  readonly slots: TensorRef;
  /** The hidden layers over an input, with the configured dropout: [B, in] → [B, last size]. */
  hidden(input: TensorRef): TensorRef;
  /** A term of the logit: input · weightᵀ without bias, [B, in] → [B, 1]. */
  term(name: string, input: TensorRef): TensorRef;
}

/**
 * A model whose logit is a first-order term (Σ_t linear.t.weight[id_t] + linear.dense.weight · x), the terms of its own and a bias.
 * @param ownTerms the model's own part
 */
export function buildDeep(
  config: Config,
  model: DeepConfig,
  facts: DataFacts,
  plan: DeepPlan,
  ownTerms: (inputs: DeepInputs) => readonly TensorRef[],
): GraphSpec {
  const graph = new GraphBuilder(facts.numDense, facts.numTables);
  const { l2 } = model;
  const dense = graph.denseInput();
  const ids = graph.sparseInput();
  const slots = regularised(graph, l2.embedding, () => plan.slots(graph, ids));
  const ofIds = regularised(graph, l2.linear, () => plan.firstOrder(graph, ids, slots));
  const ofDense = regularised(graph, l2.linear, () =>
    graph.linear('linear.dense', dense, 1, 'none', { weight: { kind: 'zeros' } }),
  );
  const drop = (input: TensorRef, layer: number) =>
    dropout(graph, `mlp.${layer}.dropout`, input, {
      rate: model.dropout,
      seed: config.seed,
      layer,
      lastStep: model.compat === 'criteo_deepctr' ? config.train.evalEvery : 0,
    });
  const inputs: DeepInputs = {
    graph,
    dense,
    slots,
    hidden: (input) =>
      regularised(graph, l2.mlp, () =>
        mlp(graph, 'mlp', input, model.mlp, {
          activateLast: true,
          ...(model.dropout > 0 && { after: drop }),
        }),
      ),
    term: (name, input) =>
      graph.linear(name, input, 1, 'none', { weight: glorot(input.shape[0] as number, 1) }),
  };
  return graph.build(logitSum(graph, 'out', [ofIds, ofDense, ...ownTerms(inputs)]));
}

/** Runs `build` with L2 on the parameters it adds, biases excepted. */
function regularised<T>(graph: GraphBuilder, l2: number, build: () => T): T {
  if (l2 === 0) return build();
  return graph.adjusting(
    (parameter) => (parameter.name.endsWith('.bias') ? parameter : { ...parameter, l2 }),
    build,
  );
}
