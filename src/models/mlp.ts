import type { GraphBuilder, TensorRef } from '../graph/graph-builder.ts';
import { glorot } from '../graph/interactions.ts';

/** What may differ between fully connected layers. */
export interface MlpOptions {
  /** Whether the last layer is ReLU too. */
  readonly activateLast: boolean;
  /** Applied to the output of each layer, the last included. */
  readonly after?: (output: TensorRef, layer: number) => TensorRef;
}

/** Fully connected layers; weights ~ N(0, √(2/(in + out))), biases ~ N(0, √(1/out)), as facebookresearch/dlrm draws them. */
export function mlp(
  graph: GraphBuilder,
  name: string,
  input: TensorRef,
  sizes: readonly number[],
  options: MlpOptions,
): TensorRef {
  const { activateLast, after } = options;
  return sizes.reduce((tensor, size, i) => {
    const activation = activateLast || i + 1 < sizes.length ? 'relu' : 'none';
    const output = graph.linear(`${name}.${i}`, tensor, size, activation, {
      weight: glorot(tensor.shape[0] as number, size),
      bias: { kind: 'normal', std: Math.sqrt(1 / size) },
    });
    return after ? after(output, i) : output;
  }, input);
}
