import { type GraphBuilder, invalid, type TensorRef } from './graph-builder.ts';
import type { InitSpec, ParameterSpec } from './graph-spec.ts';

/** N(0, √(2/(in + out))), after Glorot and Bengio (2010). */
export function glorot(inputs: number, outputs: number): InitSpec {
  return { kind: 'normal', std: Math.sqrt(2 / (inputs + outputs)) };
}

/** Second order of a factorization machine: out = Σ_d ½[(Σ_f e_fd)² − Σ_f e_fd²], [B, F, D] → [B, 1]. */
export function fmInteraction(graph: GraphBuilder, name: string, slots: TensorRef): TensorRef {
  graph.expectRank(name, slots, 2);
  return graph.node('fmInteraction', name, [slots], [1], [], {});
}

/**
 * DCN's cross layers: x_{l+1} = x_0·(x_l · w_l) + b_l + x_l, [B, K] → [B, K]. Parameters `<name>.weight` and `<name>.bias` [layers, K].
 */
export function crossNetwork(graph: GraphBuilder, name: string, input: TensorRef, layers: number): TensorRef {
  graph.expectRank(name, input, 1);
  const size = input.shape[0] as number;
  const parameters: ParameterSpec[] = [
    { name: `${name}.weight`, shape: [layers, size], init: glorot(size, 1) },
    { name: `${name}.bias`, shape: [layers, size], init: { kind: 'zeros' } },
  ];
  return graph.node('crossNetwork', name, [input], [size], parameters, {});
}

/**
 * DCN-v2's cross layers, with a matrix each: x_{l+1} = x_0 ∘ (W_l x_l + b_l) + x_l, [B, K] → [B, K].
 * Parameters `<name>.<l>.weight` [K, K] and `<name>.<l>.bias` [K].
 */
export function crossMatrices(
  graph: GraphBuilder,
  name: string,
  input: TensorRef,
  layers: number,
): TensorRef {
  const size = input.shape[0] as number;
  const init = { weight: glorot(size, size), bias: { kind: 'zeros' } } as const;
  let x = input;
  for (let l = 0; l < layers; l++) {
    const y = graph.linear(`${name}.${l}`, x, size, 'none', init);
    x = graph.node('crossCombine', `${name}.${l}.combine`, [input, y, x], [size], [], {});
  }
  return x;
}

/**
 * xDeepFM's compressed interaction network. Per component d: z_l[h·F + m] = h_{l−1}[h]·e[m], h_l = ReLU(W_l z_l + b_l), h_{−1} = e.
 * Of every layer but the last the first half goes on and the second half goes out, summed over d: [B, F, D] → [B, Σ out].
 * Parameters `<name>.<l>.weight` [size, H·F] and `<name>.<l>.bias` [size].
 * @param sizes of the layers; even, but for the last
 */
export function cin(
  graph: GraphBuilder,
  name: string,
  slots: TensorRef,
  sizes: readonly number[],
): TensorRef {
  graph.expectRank(name, slots, 2);
  const fields = slots.shape[0] as number;
  let hidden = fields;
  let outputs = 0;
  const parameters: ParameterSpec[] = [];
  for (const [l, size] of sizes.entries()) {
    const last = l + 1 === sizes.length;
    if (!last && size % 2 !== 0) throw invalid(name, `can't split its layer of ${size} in halves`);
    const inputs = hidden * fields;
    const init: InitSpec = { kind: 'uniform', bound: Math.sqrt(1 / inputs) };
    parameters.push({ name: `${name}.${l}.weight`, shape: [size, inputs], init: init });
    parameters.push({ name: `${name}.${l}.bias`, shape: [size], init: init });
    hidden = size / 2;
    outputs += last ? size : hidden;
  }
  return graph.node('cin', name, [slots], [outputs], parameters, { sizes });
}

/**
 * One of AutoInt's layers: q = e·Qᵀ, k and v likewise, cut into heads of `dim`; softmax(q kᵀ) v without scaling; heads joined; + e·Rᵀ; ReLU.
 * [B, F, in] → [B, F, heads·dim]. Parameters `<name>.{query,key,value,residual}` [heads·dim, in].
 */
export function selfAttention(
  graph: GraphBuilder,
  name: string,
  slots: TensorRef,
  heads: number,
  dim: number,
): TensorRef {
  graph.expectRank(name, slots, 2);
  const [fields, inputs] = slots.shape as readonly [number, number];
  const size = heads * dim;
  const parameters = ['query', 'key', 'value', 'residual'].map((part) => ({
    name: `${name}.${part}`,
    shape: [size, inputs],
    init: glorot(inputs, size),
  }));
  return graph.node('selfAttention', name, [slots], [fields, size], parameters, { heads });
}

/**
 * Squeeze and excitation over slots: a = ReLU(W₂ ReLU(W₁ mean_d(e))), out = a ∘ e, [B, F, D] → [B, F, D].
 * Parameters `<name>.0.weight` [reduced, F] and `<name>.1.weight` [F, reduced].
 */
export function senet(graph: GraphBuilder, name: string, slots: TensorRef, reduced: number): TensorRef {
  graph.expectRank(name, slots, 2);
  const fields = slots.shape[0] as number;
  const parameters = [
    { name: `${name}.0.weight`, shape: [reduced, fields], init: glorot(fields, reduced) },
    { name: `${name}.1.weight`, shape: [fields, reduced], init: glorot(reduced, fields) },
  ];
  return graph.node('senet', name, [slots], slots.shape, parameters, {});
}

/** How many matrices a bilinear interaction has: one for each pair, for each first slot of a pair, or for all. */
export type BilinearKind = 'interaction' | 'each' | 'all';

/**
 * p_ij = (W e_i) ∘ e_j for i < j in order, for each of `inputs` one after the other, with the same matrices W: [B, F, D] each →
 * [B, inputs·F(F−1)/2·D]. Parameters `<name>.<n>.weight` [D, D] as [out, in].
 */
export function bilinearInteraction(
  graph: GraphBuilder,
  name: string,
  inputs: readonly [TensorRef, ...TensorRef[]],
  kind: BilinearKind,
): TensorRef {
  for (const input of inputs) graph.expectRank(name, input, 2);
  const [fields, dim] = inputs[0].shape as readonly [number, number];
  const pairs = (fields * (fields - 1)) / 2;
  const matrices = { interaction: pairs, each: fields - 1, all: 1 }[kind];
  const parameters = Array.from({ length: matrices }, (_, n) => ({
    name: `${name}.${n}.weight`,
    shape: [dim, dim],
    init: glorot(dim, dim),
  }));
  return graph.node('bilinearInteraction', name, inputs, [inputs.length * pairs * dim], parameters, { kind });
}
