import { type GraphBuilder, invalid, type TensorRef } from './graph-builder.ts';
import type { InitSpec } from './graph-spec.ts';

/** How `combine` makes one vector of several. */
export type Combination = 'product' | 'sum' | 'signedSum';

/**
 * out[b, f] = v_0 ∘ v_1 ∘ ... of the `vectors` that in[b, f] holds one after the other: their product, their sum, or their sum with
 * the signs and the scale of a sparse Johnson-Lindenstrauss matrix; [B, F, l·D] → [B, F, D].
 * @param hash which signs: the seed, and the id column of each slot (native/ops/combine/combine.h)
 */
export function combine(
  graph: GraphBuilder,
  name: string,
  input: TensorRef,
  operation: Combination,
  vectors: number,
  hash: { readonly seed: number; readonly columns: readonly number[] },
): TensorRef {
  const [slots, width] = slotsShape(name, input);
  return graph.node('combine', name, [input], [slots, width / vectors], [], {
    operation,
    vectors,
    hashSeed: hash.seed,
    columns: hash.columns,
  });
}

/**
 * out[b, f] = P_f · in[b, f], a matrix for each slot, [B, F, d] → [B, F, D].
 * @param names of the matrices [D, d], one a slot
 */
export function projectSlots(
  graph: GraphBuilder,
  name: string,
  input: TensorRef,
  dim: number,
  names: readonly string[],
  init: InitSpec,
): TensorRef {
  const [slots, width] = slotsShape(name, input);
  if (names.length !== slots) throw invalid(name, `projects ${slots} slots with ${names.length} matrices`);
  const weights = names.map((weight) => ({ name: weight, shape: [dim, width], init }));
  return graph.node('projection', name, [input], [slots, dim], weights, {});
}

/**
 * The rows of tensor-train tables from their cores' rows, [B, F, d0·r], [B, F, r·d1·r], [B, F, r·d2] → [B, F, d0·d1·d2]
 * (native/ops/tensor_train/tensor_train.h).
 */
export function contractCores(
  graph: GraphBuilder,
  name: string,
  cores: readonly [TensorRef, TensorRef, TensorRef],
  rank: number,
  factors: readonly [number, number, number],
): TensorRef {
  const [slots] = slotsShape(name, cores[0]);
  const dim = factors[0] * factors[1] * factors[2];
  return graph.node('tensorTrain', name, cores, [slots, dim], [], { rank, factors });
}

/**
 * out[b, f] = (S·e_i)ᵀ·M of the id i in column f, [B, T] → [B, F, D], for an S [k, n] that is generated and a memory [k, D]
 * (native/ops/sketch/sketch_matrix.h).
 * @param columns the id column of each slot
 * @param tableSizes E of each slot's table; empty when ids are raw
 */
export function sketch(
  graph: GraphBuilder,
  name: string,
  ids: TensorRef,
  matrix: { readonly kind: 'gaussian' | 'achlioptas'; readonly seed: number },
  memory: { readonly name: string; readonly shape: readonly [number, number]; readonly init: InitSpec },
  columns: readonly number[],
  tableSizes: readonly number[],
): TensorRef {
  const attributes = { sketch: matrix.kind, hashSeed: matrix.seed, columns, tableSizes };
  return graph.node('sketch', name, [ids], [columns.length, memory.shape[1]], [memory], attributes);
}

/**
 * Slots of several tensors [B, F_n, D] in the order of their places → [B, F, D].
 * @param places of the slots of each input; together 0 to F − 1, each once
 */
export function joinSlots(
  graph: GraphBuilder,
  name: string,
  inputs: readonly { readonly slots: TensorRef; readonly places: readonly number[] }[],
): TensorRef {
  const places = inputs.flatMap((input) => input.places);
  const [first] = inputs;
  if (!first) throw invalid(name, 'joins nothing');
  const [, dim] = slotsShape(name, first.slots);
  const refs = inputs.map(({ slots }) => slots);
  return graph.node('joinSlots', name, refs, [places.length, dim], [], { places });
}

function slotsShape(name: string, input: TensorRef): readonly [number, number] {
  if (input.shape.length !== 2) {
    throw invalid(name, `needs an input of 3 dimensions, but got [B, ${input.shape.join(', ')}]`);
  }
  return input.shape as readonly [number, number];
}
