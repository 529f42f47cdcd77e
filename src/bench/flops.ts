import type { GraphSpec, NodeSpec, ParameterSpec, TensorSpec } from '../graph/graph-spec.ts';

/**
 * Floating-point operations a sample needs at the least, a multiply-add counted as two: what the roofline is made of.
 * A layer costs 2·K·N forward, as much for the weights' gradient and, where something below it learns, as much for its input's;
 * the dot interaction V(V−1)·D forward (half the Gram matrix) and 2·V(V−1)·D backward. The interactions of the other models cost
 * what their formulas (src/graph/interactions.ts) say, each product once forward and twice backward: for its one factor's gradient and for
 * the other's. Lookups, copies, dropout and updates move memory and count nothing.
 */
export function flopsPerSample(graph: GraphSpec, pass: 'train' | 'inference'): number {
  return graph.nodes.reduce((sum, node) => sum + nodeFlops(graph, node, pass === 'train'), 0);
}

function nodeFlops(graph: GraphSpec, node: NodeSpec, training: boolean): number {
  if (node.op === 'linear') {
    const [outputs, inputs] = matrixShape(graph, node, 0);
    const forward = 2 * outputs * inputs;
    return training ? forward * (learns(graph, node.inputs[0] as number) ? 3 : 2) : forward;
  }
  return interactionFlops(graph, node) * (training ? 3 : 1);
}

/** Forward alone. */
function interactionFlops(graph: GraphSpec, node: NodeSpec): number {
  const [slots, dim] = slotsShape(graph, node);
  switch (node.op) {
    case 'dotInteraction':
      return (slots + 1) * slots * dim;
    case 'fmInteraction':
      return 3 * slots * dim;
    case 'crossNetwork': {
      const [layers, size] = matrixShape(graph, node, 0);
      return 4 * layers * size;
    }
    case 'crossCombine':
      return 2 * slots;
    case 'cin':
      return node.parameters.reduce((sum, _, i) => {
        const [size, inputs] = matrixShape(graph, node, i);
        return sum + (i % 2 === 0 ? (2 * size * inputs + inputs) * dim : 0);
      }, 0);
    case 'selfAttention': {
      const [size, inputs] = matrixShape(graph, node, 0);
      return 8 * slots * inputs * size + 4 * slots * slots * size;
    }
    case 'senet': {
      const [reduced] = matrixShape(graph, node, 0);
      return 2 * slots * dim + 4 * slots * reduced;
    }
    case 'bilinearInteraction': {
      const pairs = (slots * (slots - 1)) / 2;
      const products = node.attributes['kind'] === 'interaction' ? pairs : slots - 1;
      return node.inputs.length * (products * 2 * dim * dim + pairs * dim);
    }
    default:
      return 0;
  }
}

/** [rows, columns] of a node's parameter; a vector is one row. */
function matrixShape(graph: GraphSpec, node: NodeSpec, index: number): readonly [number, number] {
  const { shape } = graph.parameters[node.parameters[index] as number] as ParameterSpec;
  return shape.length > 1 ? [shape[0] as number, shape[1] as number] : [1, shape[0] as number];
}

/** F and D of the slots a node reads (for DLRM's interaction, its second input); K and 1 of a flat input. */
function slotsShape(graph: GraphSpec, node: NodeSpec): readonly [number, number] {
  const input = node.inputs[node.op === 'dotInteraction' ? 1 : 0];
  const { shape = [0] } = input === undefined ? {} : (graph.tensors[input] as TensorSpec);
  return [shape[0] as number, shape[1] ?? 1];
}

/** Whether a parameter lies behind a tensor. */
function learns(graph: GraphSpec, tensor: number): boolean {
  const node = graph.nodes.find(({ output }) => output === tensor);
  if (!node) return false;
  return node.parameters.length > 0 || node.inputs.some((input) => learns(graph, input));
}
