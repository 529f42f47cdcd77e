import { PssError } from '../errors.ts';
import type {
  EmbeddingAttributes,
  GraphSpec,
  InitSpec,
  NodeSpec,
  ParameterSpec,
  TensorSpec,
} from './graph-spec.ts';

/** A tensor of the graph being built. */
export interface TensorRef {
  readonly index: number;
  /** Without B. */
  readonly shape: readonly number[];
}

export type Activation = 'relu' | 'none';

/** Builds a `GraphSpec` node by node; shapes are inferred and checked as it grows, so an error points at the model's own line. */
export class GraphBuilder {
  readonly #numDense: number;
  readonly #numTables: number;
  readonly #tensors: TensorSpec[] = [];
  readonly #parameters: ParameterSpec[] = [];
  readonly #nodes: NodeSpec[] = [];

  /**
   * @param numDense N
   * @param numTables T
   */
  constructor(numDense: number, numTables: number) {
    this.#numDense = numDense;
    this.#numTables = numTables;
  }

  /** The dense features, [B, N]. */
  denseInput(): TensorRef {
    return this.node('denseInput', 'dense', [], [this.#numDense], [], {});
  }

  /** The ids, [B, T]. */
  sparseInput(): TensorRef {
    return this.node('sparseInput', 'sparse', [], [this.#numTables], [], {});
  }

  /**
   * out[b, t, :] = the row of table t that ids[b, t] names, [B, T] → [B, F = T, D].
   * @param inits initial values of each table (kind full) or of the one shared array
   */
  embedding(
    name: string,
    ids: TensorRef,
    attributes: EmbeddingAttributes,
    inits: readonly InitSpec[],
    l2 = 0,
  ): TensorRef {
    const { kind, dim, memorySize, tableSizes } = attributes;
    this.expectRank(name, ids, 1);
    const parameters =
      kind === 'full'
        ? tableSizes.map((size, t) =>
            this.parameter(`${name}.${t}.weight`, [size, dim], initOf(inits, t), l2),
          )
        : [
            this.parameter(
              `${name}.memory`,
              kind === 'hash' ? [memorySize / dim, dim] : [memorySize],
              initOf(inits, 0),
              l2,
            ),
          ];
    const shape = [ids.shape[0] as number, dim];
    return this.node('embedding', name, [ids], shape, parameters, { ...attributes });
  }

  /** out = activation(input · weightᵀ + bias), [B, in] → [B, out]; weight is [out, in]; no bias without `init.bias`. */
  linear(
    name: string,
    input: TensorRef,
    outputSize: number,
    activation: Activation,
    init: { readonly weight: InitSpec; readonly bias?: InitSpec; readonly l2?: number },
  ): TensorRef {
    this.expectRank(name, input, 1);
    const inputSize = input.shape[0] as number;
    const parameters = [this.parameter(`${name}.weight`, [outputSize, inputSize], init.weight, init.l2)];
    if (init.bias) parameters.push(this.parameter(`${name}.bias`, [outputSize], init.bias));
    return this.node('linear', name, [input], [outputSize], parameters, { activation });
  }

  /**
   * out = [dense, strict lower triangle of the Gram matrix of (dense, slot 0, slot 1, ...), row by row],
   * [B, D] and [B, F, D] → [B, D + F·(F+1)/2].
   */
  dotInteraction(name: string, dense: TensorRef, slots: TensorRef): TensorRef {
    this.expectRank(name, dense, 1);
    this.expectRank(name, slots, 2);
    const [numSlots, dim] = slots.shape as [number, number];
    if (dense.shape[0] !== dim) {
      throw invalid(name, `needs vectors of one length, but got ${dense.shape[0]} and ${dim}`);
    }
    return this.node('dotInteraction', name, [dense, slots], [dim + (numSlots * (numSlots + 1)) / 2], [], {});
  }

  /** The finished model, frozen. */
  build(logits: TensorRef): GraphSpec {
    if (logits.shape.join() !== '1') {
      throw invalid('logits', `must be [B, 1], but got [B, ${logits.shape.join(', ')}]`);
    }
    return this.buildPart(logits);
  }

  /** A graph whose output may be any tensor: the engine can trace it, but not train it. */
  buildPart(output: TensorRef): GraphSpec {
    return deepFreeze({
      schema: 1,
      numDense: this.#numDense,
      numTables: this.#numTables,
      tensors: this.#tensors,
      parameters: this.#parameters,
      nodes: this.#nodes,
      logits: output.index,
    });
  }

  /**
   * Adds a node of any op; the functions of `interactions.ts` and `joins.ts` are made of it.
   * @param parameters indices, as `parameter` gave them
   */
  node(
    op: NodeSpec['op'],
    name: string,
    inputs: readonly TensorRef[],
    shape: readonly number[],
    parameters: readonly number[],
    attributes: NodeSpec['attributes'],
  ): TensorRef {
    if (this.#nodes.some((node) => node.name === name)) throw invalid(name, 'is there twice');
    if (!shape.every((length) => Number.isSafeInteger(length) && length > 0)) {
      throw invalid(name, `would have the shape [${shape.join(', ')}]`);
    }
    const index = this.#tensors.push({ name, shape }) - 1;
    this.#nodes.push({
      op,
      name,
      inputs: inputs.map((input) => input.index),
      output: index,
      parameters,
      attributes,
    });
    return { index, shape };
  }

  /** Adds a parameter for a node to come. @returns its index */
  parameter(name: string, shape: readonly number[], init: InitSpec, l2 = 0): number {
    if (!shape.every((length) => Number.isSafeInteger(length) && length > 0)) {
      throw invalid(name, `would have the shape [${shape.join(', ')}]`);
    }
    return this.#parameters.push({ name, shape, init, ...(l2 > 0 && { l2 }) }) - 1;
  }

  /** @throws PssError ERR_MODEL naming the node unless `input` has `rank` dimensions beside B */
  expectRank(name: string, input: TensorRef, rank: number): void {
    if (input.shape.length !== rank) {
      throw invalid(name, `needs an input of ${rank + 1} dimensions, but got [B, ${input.shape.join(', ')}]`);
    }
  }
}

/** Floats of all parameters together, or of those of the nodes of one op. */
export function countParameters(graph: GraphSpec, op?: NodeSpec['op']): number {
  const counted = new Set(graph.nodes.filter((node) => node.op === op).flatMap((node) => node.parameters));
  return graph.parameters.reduce(
    (sum, { shape }, i) => sum + (op === undefined || counted.has(i) ? shape.reduce((a, b) => a * b, 1) : 0),
    0,
  );
}

function initOf(inits: readonly InitSpec[], index: number): InitSpec {
  const init = inits[index];
  if (!init) throw invalid('embedding', `has no initial values for parameter ${index}`);
  return init;
}

/** The error of a node that can't be. */
export function invalid(name: string, what: string): PssError {
  return new PssError('ERR_MODEL', `Node ${name} of the model ${what}; correct the model's layers.`);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
