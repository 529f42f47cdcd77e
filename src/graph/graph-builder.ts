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
  #adjust: (parameter: ParameterSpec) => ParameterSpec = (parameter) => parameter;

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
  ): TensorRef {
    const { kind, dim, memorySize, tableSizes } = attributes;
    const parameters =
      kind === 'full'
        ? tableSizes.map((size, t) => ({
            name: `${name}.${t}.weight`,
            shape: [size, dim],
            init: initOf(inits, t),
          }))
        : [
            {
              name: `${name}.memory`,
              shape: kind === 'hash' ? [memorySize / dim, dim] : [memorySize],
              init: initOf(inits, 0),
            },
          ];
    return this.lookup(name, ids, attributes, parameters);
  }

  /**
   * An embedding whose array is cut into parameters as the caller says, [B, T] → [B, F, D].
   * @param parameters in their order in the array, which they fill
   */
  lookup(
    name: string,
    ids: TensorRef,
    attributes: EmbeddingAttributes,
    parameters: readonly ParameterSpec[],
  ): TensorRef {
    this.expectRank(name, ids, 1);
    const shape = [attributes.columns?.length ?? (ids.shape[0] as number), attributes.dim];
    return this.node('embedding', name, [ids], shape, parameters, { ...attributes });
  }

  /** out = activation(input · weightᵀ + bias), [B, in] → [B, out]; weight is [out, in]; no bias without `init.bias`. */
  linear(
    name: string,
    input: TensorRef,
    outputSize: number,
    activation: Activation,
    init: { readonly weight: InitSpec; readonly bias?: InitSpec },
  ): TensorRef {
    this.expectRank(name, input, 1);
    const inputSize = input.shape[0] as number;
    const parameters: ParameterSpec[] = [
      { name: `${name}.weight`, shape: [outputSize, inputSize], init: init.weight },
    ];
    if (init.bias) parameters.push({ name: `${name}.bias`, shape: [outputSize], init: init.bias });
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
   * Adds a node: what the methods above and the functions that add nodes of other files come down to.
   * @param shape of the output, without B
   */
  node(
    op: NodeSpec['op'],
    name: string,
    inputs: readonly TensorRef[],
    shape: readonly number[],
    parameters: readonly ParameterSpec[],
    attributes: NodeSpec['attributes'],
  ): TensorRef {
    if (this.#nodes.some((node) => node.name === name)) throw invalid(name, 'is there twice');
    const parameterIndices = parameters.map((parameter) => this.#parameter(parameter));
    if (!shape.every((length) => Number.isSafeInteger(length) && length > 0)) {
      throw invalid(name, `would have the shape [${shape.join(', ')}]`);
    }
    const index = this.#tensors.push({ name, shape }) - 1;
    this.#nodes.push({
      op,
      name,
      inputs: inputs.map((input) => input.index),
      output: index,
      parameters: parameterIndices,
      attributes,
    });
    return { index, shape };
  }

  /**
   * Runs `build` with every parameter it adds changed by `change`: its initial values, or what L2 asks of it.
   * @returns what `build` does
   */
  adjusting<T>(change: (parameter: ParameterSpec) => ParameterSpec, build: () => T): T {
    const outer = this.#adjust;
    this.#adjust = (parameter) => outer(change(parameter));
    try {
      return build();
    } finally {
      this.#adjust = outer;
    }
  }

  #parameter(given: ParameterSpec): number {
    const parameter = this.#adjust(given);
    const { name, shape } = parameter;
    if (!shape.every((length) => Number.isSafeInteger(length) && length > 0)) {
      throw invalid(name, `would have the shape [${shape.join(', ')}]`);
    }
    return this.#parameters.push(parameter) - 1;
  }

  /** @throws PssError ERR_MODEL naming the node unless `input` has `rank` dimensions beside B */
  expectRank(name: string, input: TensorRef, rank: number): void {
    if (input.shape.length !== rank) {
      throw invalid(name, `needs an input of ${rank + 1} dimensions, but got [B, ${input.shape.join(', ')}]`);
    }
  }
}

/** Floats of all parameters together. */
export function countParameters(graph: GraphSpec): number {
  return graph.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

function initOf(inits: readonly InitSpec[], index: number): InitSpec {
  const init = inits[index];
  if (!init) throw invalid('embedding', `has no initial values for parameter ${index}`);
  return init;
}

/** An error about one node of a model. */
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
