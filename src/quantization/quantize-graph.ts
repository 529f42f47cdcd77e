import type { GraphSpec, NodeSpec } from '../graph/graph-spec.ts';
import type { MlpScales } from './calibrate.ts';

/**
 * The model for predictions with MLPs in int8: each becomes one node, whose weights are the same parameters under the same names.
 * @param scales of all MLPs that are to change
 */
export function quantizeGraph(graph: GraphSpec, scales: readonly MlpScales[]): GraphSpec {
  const nodes = graph.nodes.flatMap((node) => {
    const found = scales.find(({ mlp }) => mlp.nodes.includes(node));
    if (!found) return [node];
    // In the last layer's place, where its input is sure to be there.
    return node === found.mlp.nodes.at(-1) ? [quantizedNode(found)] : [];
  });
  return { ...graph, nodes };
}

function quantizedNode({ mlp, inputScale, inputZero, hiddenScale }: MlpScales): NodeSpec {
  return {
    op: 'quantizedMlp',
    name: mlp.name,
    inputs: [mlp.input],
    output: mlp.output,
    parameters: mlp.layers.flatMap(({ parameters }) => parameters),
    attributes: { inputScale, inputZero, hiddenScale },
  };
}
