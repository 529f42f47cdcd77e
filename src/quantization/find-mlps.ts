import type { GraphSpec, NodeSpec, ParameterSpec } from '../graph/graph-spec.ts';

/** Layers one behind the other, each read by the next alone: what int8 can take the place of. */
export interface Mlp {
  readonly name: string;
  /** Their `linear` nodes, each with ReLU and a bias. */
  readonly layers: readonly NodeSpec[];
  /** All nodes from input to output: the layers, and dropout, which does nothing in predictions. */
  readonly nodes: readonly NodeSpec[];
  /** Tensor indices. */
  readonly input: number;
  readonly output: number;
}

/**
 * The MLPs of a model. A layer of one output ends them: it adds up what goes into a logit, costs next to nothing, and stays in floats; so do
 * layers without ReLU.
 */
export function findMlps(graph: GraphSpec): Mlp[] {
  const taken = new Set<NodeSpec>();
  return graph.nodes
    .filter((node) => isLayer(graph, node))
    .flatMap((first) => {
      if (taken.has(first)) return [];
      const nodes = followingLayers(graph, first);
      for (const node of nodes) taken.add(node);
      const last = nodes.at(-1) as NodeSpec;
      return [
        {
          name: first.name.replace(/\.\d+$/, ''),
          layers: nodes.filter(({ op }) => op === 'linear'),
          nodes,
          input: first.inputs[0] as number,
          output: last.output,
        },
      ];
    });
}

function followingLayers(graph: GraphSpec, first: NodeSpec): NodeSpec[] {
  const nodes = [first];
  for (;;) {
    const { output } = nodes.at(-1) as NodeSpec;
    const readers = graph.nodes.filter(({ inputs }) => inputs.includes(output));
    const [reader] = readers;
    if (!reader || readers.length > 1 || output === graph.logits) return nodes;
    if (reader.op !== 'dropout' && !isLayer(graph, reader)) return nodes;
    nodes.push(reader);
  }
}

function isLayer(graph: GraphSpec, { op, attributes, parameters }: NodeSpec): boolean {
  if (op !== 'linear' || attributes['activation'] !== 'relu' || parameters.length !== 2) return false;
  const { shape } = graph.parameters[parameters[0] as number] as ParameterSpec;
  return (shape[0] as number) > 1;
}
