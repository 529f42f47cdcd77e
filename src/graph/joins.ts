import { type GraphBuilder, invalid, type TensorRef } from './graph-builder.ts';

/** out = the inputs side by side, each flattened: [B, ...] of any shapes → [B, Σ floats]. */
export function concat(graph: GraphBuilder, name: string, inputs: readonly TensorRef[]): TensorRef {
  return graph.node('concat', name, inputs, [inputs.reduce((sum, input) => sum + floats(input), 0)], [], {});
}

/**
 * out[b] = bias + the sum of everything in the inputs' rows b: [B, ...] of any shapes → [B, 1].
 * The bias is the parameter `<name>.bias`, zero at first.
 */
export function logitSum(graph: GraphBuilder, name: string, terms: readonly TensorRef[]): TensorRef {
  const bias = { name: `${name}.bias`, shape: [1], init: { kind: 'zeros' } } as const;
  return graph.node('logitSum', name, terms, [1], [bias], {});
}

/**
 * While training, each element is zero with probability `rate` and input / (1 − rate) otherwise; the input itself in evaluation.
 * @param layer tells the dropouts of a model apart: what is dropped depends on (seed, step, layer, element) and nothing else
 * @param lastStep the last training step that drops; 0 for all of them
 */
export function dropout(
  graph: GraphBuilder,
  name: string,
  input: TensorRef,
  options: {
    readonly rate: number;
    readonly seed: number;
    readonly layer: number;
    readonly lastStep: number;
  },
): TensorRef {
  graph.expectRank(name, input, 1);
  if (!(options.rate > 0 && options.rate < 1)) throw invalid(name, `would drop ${options.rate} of its input`);
  return graph.node('dropout', name, [input], input.shape, [], { ...options });
}

/** out[b, f] = slots[b, f, 0], [B, F, D] → [B, F]. */
export function firstComponent(graph: GraphBuilder, name: string, slots: TensorRef): TensorRef {
  graph.expectRank(name, slots, 2);
  return graph.node('firstComponent', name, [slots], [slots.shape[0] as number], [], {});
}

function floats({ shape }: TensorRef): number {
  return shape.reduce((a, b) => a * b, 1);
}
