import type { GraphSpec, NodeSpec, ParameterSpec, TensorSpec } from '../graph/graph-spec.ts';

/**
 * Floating-point operations a sample needs at the least, a multiply-add counted as two: what the roofline is made of.
 * A layer costs 2·K·N forward, as much for the weights' gradient and, where something below it learns, as much for its input's;
 * the dot interaction V(V−1)·D forward (half the Gram matrix) and 2·V(V−1)·D backward. Lookups and updates move memory and count nothing.
 */
export function flopsPerSample(graph: GraphSpec, pass: 'train' | 'inference'): number {
  return graph.nodes.reduce((sum, node) => sum + nodeFlops(graph, node, pass === 'train'), 0);
}

function nodeFlops(graph: GraphSpec, node: NodeSpec, training: boolean): number {
  if (node.op === 'linear') {
    const weight = graph.parameters[node.parameters[0] as number] as ParameterSpec;
    const [outputs, inputs] = weight.shape as readonly [number, number];
    const forward = 2 * outputs * inputs;
    return training ? forward * (learns(graph, node.inputs[0] as number) ? 3 : 2) : forward;
  }
  if (node.op === 'dotInteraction') {
    const slotsTensor = graph.tensors[node.inputs[1] as number] as TensorSpec;
    const [slots, dim] = slotsTensor.shape as readonly [number, number];
    const forward = (slots + 1) * slots * dim;
    return training ? 3 * forward : forward;
  }
  return 0;
}

/** Whether a parameter lies behind a tensor. */
function learns(graph: GraphSpec, tensor: number): boolean {
  const node = graph.nodes.find(({ output }) => output === tensor);
  if (!node) return false;
  return node.parameters.length > 0 || node.inputs.some((input) => learns(graph, input));
}
