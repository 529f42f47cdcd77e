/**
 * A model as data: what TypeScript says and the native engine compiles. Frozen JSON; every shape is known.
 * Shapes leave the batch dimension B out: a tensor [B, F, D] has `shape: [F, D]`.
 */
export interface GraphSpec {
  readonly schema: 1;
  /** N, the dense features of a row. */
  readonly numDense: number;
  /** T, the embedding tables (categorical features of a row). */
  readonly numTables: number;
  readonly tensors: readonly TensorSpec[];
  readonly parameters: readonly ParameterSpec[];
  /** In an order in which every node's inputs come first. */
  readonly nodes: readonly NodeSpec[];
  /** Index of the tensor [B, 1] that holds the logits, before the sigmoid. */
  readonly logits: number;
}

export interface TensorSpec {
  readonly name: string;
  /** Without B. */
  readonly shape: readonly number[];
}

export interface ParameterSpec {
  /** The name in a checkpoint, e.g. `bottomMlp.0.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: InitSpec;
  /** Updates see the gradient of the loss + l2·Σw²; nothing is added where it is left out. */
  readonly l2?: number;
}

/** Initial values come from Philox, keyed by (seed, parameter name, index). */
export type InitSpec =
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'zeros' };

/** Every op the engine knows; native/graph/op_list.cc is the other end of this list. */
export type OpName =
  | 'denseInput'
  | 'sparseInput'
  | 'embedding'
  | 'combine'
  | 'projection'
  | 'tensorTrain'
  | 'sketch'
  | 'joinSlots'
  | 'linear'
  | 'quantizedMlp'
  | 'dotInteraction'
  | 'concat'
  | 'logitSum'
  | 'dropout'
  | 'fmInteraction'
  | 'crossNetwork'
  | 'crossCombine'
  | 'cin'
  | 'selfAttention'
  | 'senet'
  | 'bilinearInteraction'
  | 'firstComponent';

export interface NodeSpec {
  readonly op: OpName;
  readonly name: string;
  /** Tensor indices. */
  readonly inputs: readonly number[];
  /** Tensor index. */
  readonly output: number;
  /** Parameter indices. */
  readonly parameters: readonly number[];
  readonly attributes: Readonly<Record<string, number | string | boolean | readonly number[]>>;
}

/**
 * Attributes of an `embedding` node: how ids find their floats in one array (native/ops/embedding/addressing.h defines it).
 * `full` has one parameter a table; `hash`, `robe` and `hashednet` a single shared array and, behind it, the tables that stay full;
 * `rows` an array of rows for each table and chunk; `memories` one for each chunk, shared by all tables.
 */
export interface EmbeddingAttributes {
  readonly kind: 'full' | 'hash' | 'robe' | 'hashednet' | 'rows' | 'memories';
  /** D */
  readonly dim: number;
  /** Z, floats addressed by one hash or digit; D for full and hash, 1 for hashednet. */
  readonly chunkSize: number;
  /** |M| in floats: all of the node's parameters. */
  readonly memorySize: number;
  readonly hash: 'mix64' | 'apd10';
  readonly hashSeed: number;
  readonly aligned: boolean;
  /** E_t of every table of the node; empty when ids are raw 32-bit hashes. */
  readonly tableSizes: readonly number[];
  readonly gradient: 'dense' | 'sparse';
  /** The id columns that are the node's tables; all of them when left out. */
  readonly columns?: readonly number[];
  /** Tables of a shared array that stay full, ascending, counted among the node's tables. */
  readonly fullTables?: readonly number[];
  /** Kind rows, [T, D / Z]: rows of each array. */
  readonly rows?: readonly number[];
  /** Kind rows, [T, D / Z]: the row is ⌊id / divisor⌋ mod rows, or with divisor 0 a hash of the id. */
  readonly divisors?: readonly number[];
}
