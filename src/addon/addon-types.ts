import type { GraphSpec } from '../graph/graph-spec.ts';
import type {
  CriteoReaderConstructor,
  IdCounterConstructor,
  IdResolverConstructor,
  NumberPending,
  WriteBehind,
} from './criteo-types.ts';
import type { SynthRowsConstructor } from './synth-types.ts';

/** Everything the native addon exports: the one description of the boundary. */
export interface Addon {
  readonly Engine: new (graph: GraphSpec, options: EngineOptions) => NativeEngine;
  readonly CriteoReader: CriteoReaderConstructor;
  /** Distinct values of every column, from what a reader's `sketches()` gave: HyperLogLog, standard error 0.8%. */
  readonly estimateDistinct: (sketches: Uint8Array) => number[];
  readonly IdCounter: IdCounterConstructor;
  readonly numberPending: NumberPending;
  readonly writeBehind: WriteBehind;
  readonly IdResolver: IdResolverConstructor;
  readonly SynthRows: SynthRowsConstructor;
  /** Bytes that the text of one synthetic row can take at most. */
  readonly synthMaxRowBytes: number;
  readonly machine: () => MachineInfo;
  /**
   * GPU number `index`, once it is sure that this build's kernels run on it.
   * @throws ERR_CUDA in one sentence when the build has no kernels, or there is no driver, no such GPU, or no kernel for it
   */
  readonly findGpu: (index: number) => UsableGpu;
  /**
   * A GPU by its number, from 0.
   * @throws ERR_CUDA when there is no driver or no such GPU
   */
  readonly gpu: (index: number) => GpuInfo;
  /**
   * Rate of independent multiply-adds that stay in registers, in GFLOP/s: the roofline that benchmarks compare with, and the probe by
   * which they reject samples taken while the machine was busy. Blocks for about `iterations` × 8 cycles.
   * @param precision of the factors, `f32` unless said; sums are float32, of `int8` 32-bit integers
   */
  readonly fmaProbe: (threads: number, iterations: number, precision?: 'f32' | 'bf16' | 'int8') => number;
  /**
   * Nanoseconds that each of `chunks` chunks of `chunkFloats` at random places of an array of `memoryFloats` takes, all threads together:
   * the roofline of lookups and of updates of M. Blocks; allocates the array.
   * @throws ERR_MEMORY
   */
  readonly chunkProbe: (
    threads: number,
    memoryFloats: number,
    chunkFloats: number,
    chunks: number,
  ) => ChunkRates;
  /**
   * Where lookups of an embedding node read.
   * @param ids [B, id columns of the graph]
   * @throws ERR_ID_RANGE when an id is beyond its table
   */
  readonly chunkStarts: (graph: GraphSpec, node: string, ids: Uint32Array) => ChunkStarts;
  /**
   * A random permutation of 0..length-1 (Fisher–Yates over Philox), the same for the same seed and stream.
   * @param seed an integer from 0 to 2⁵³ − 1
   * @param stream three 32-bit numbers that tell this permutation from every other of the same seed
   */
  readonly permutation: (
    length: number,
    seed: number,
    stream: readonly [number, number, number],
  ) => Uint32Array;
  /**
   * Copies rows `order[0]`, `order[1]`, … of `rows` to rows `to`, `to + 1`, … of `out`.
   * @throws ERR_ARGUMENT when rows don't exist in either
   */
  readonly gatherRows: (out: NativeBatch, to: number, rows: NativeBatch, order: Uint32Array) => void;
}

export interface ChunkRates {
  /** To read a chunk anywhere and store it in sequence. */
  readonly gatherNs: number;
  /** To read a chunk in sequence and add it to the floats anywhere. */
  readonly updateNs: number;
}

/** Chunk c of table t in row b is floats from `starts[(b·T + t)·chunks + c]·unit` on. */
export interface ChunkStarts {
  readonly unit: number;
  /** Chunks of one embedding. */
  readonly chunks: number;
  /** [B, T, chunks], T counting the node's tables. */
  readonly starts: Uint32Array;
}

export interface OptimizerSpec {
  readonly kind: 'sgd' | 'adagrad' | 'rowwise-adagrad' | 'adam';
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Adagrad's accumulator before the first step. */
  readonly initialAccumulator: number;
}

/** Instruction sets in ascending order; each can run what those before it can. */
export type Isa = 'reference' | 'avx2' | 'avx512' | 'avx512bf16';

export interface EngineOptions {
  /** Most samples in one step; prediction runs in blocks of at most this many (at least 1024). */
  readonly batchSize: number;
  /** Threads of the engine's team; results don't depend on it. */
  readonly threads: number;
  /** Seed of the initial values. */
  readonly seed: number;
  readonly optimizer: OptimizerSpec;
  /** `auto` takes the fastest this machine has. */
  readonly isa: 'auto' | Isa;
  /** Without training nothing is kept for a backward pass, and no optimizer state exists. */
  readonly training: boolean;
  /** Put sentinels around every buffer and check them after every op (for tests; slower). */
  readonly guards?: boolean;
  /** Where the model lives; `cpu` unless said. */
  readonly device?: 'cpu' | 'cuda';
  /** Which GPU, from 0. */
  readonly deviceIndex?: number;
  /** The same bits every time (the default); without it, a GPU may add up gradients in any order where that is faster. */
  readonly deterministic?: boolean;
  /**
   * Of activations, gradients between layers and the weights that matrix products read; `f32` unless said. With `bf16`, sums, the loss
   * and the weights that learn (M too) stay f32.
   */
  readonly precision?: 'f32' | 'bf16';
  /** Let a GPU round the inputs of matrix products to 10 bits of mantissa (off unless said). */
  readonly tf32?: boolean;
  /** Let cuBLASLt serve a GPU's matrix products where it is installed (the default); `describe()` says where it does. */
  readonly cublasLt?: boolean;
  /**
   * Launch a GPU's whole step as one captured graph where the driver can (the default). Without it, `takeTimings()` knows
   * each part of a step rather than its total.
   */
  readonly graphs?: boolean;
}

/** Rows of a batch or a superbatch, row-major; views into larger buffers are fine. */
export interface NativeBatch {
  /** [rows], 0 or 1. */
  readonly labels: Uint8Array;
  /** [rows, N] */
  readonly dense: Float32Array;
  /** [rows, T] */
  readonly sparse: Uint32Array;
}

export interface TrainResult {
  /** Mean loss of each step run, before its update. */
  readonly losses: Float64Array;
  /** Steps whose update was applied. One less than `losses` holds when the last loss wasn't finite: that step changed nothing. */
  readonly appliedSteps: number;
}

export interface Trace {
  /** Mean loss; NaN when the gradient was given. */
  readonly loss: number;
  /** Value of every tensor the engine materialises, by name, [rows, columns]. */
  readonly values: Record<string, Float32Array>;
  /** Gradient of every tensor that has one. */
  readonly gradients: Record<string, Float32Array>;
  /** Gradient of every parameter, by name. */
  readonly parameterGradients: Record<string, Float32Array>;
}

export interface TensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
  /** Floats. */
  readonly size: number;
}

/**
 * A compiled model with its parameters, optimizer state and one engine thread.
 * Calls are queued in order; a call after `dispose()` rejects with code `ERR_DISPOSED`, and a `train`, `predict` or `trace`
 * while another is in flight rejects with `ERR_BUSY`. Typed arrays passed in must not be written until the promise settles.
 */
export interface NativeEngine {
  /**
   * One optimizer step per `batchSize` rows (the last may have fewer): forward, loss, backward, update.
   * @param firstStep number of the first of these steps since training began, from 1 (Adam's bias correction needs it)
   * @param learningRates one per step
   * @throws ERR_ID_RANGE before anything changes, when an id is beyond its table
   */
  train(
    batch: NativeBatch,
    batchSize: number,
    firstStep: number,
    learningRates: Float64Array,
  ): Promise<TrainResult>;
  /** Logits [rows], before the sigmoid. */
  predict(batch: NativeBatch): Promise<Float32Array>;
  /**
   * Runs one batch forward and backward without an update and returns everything. Without `outputGradient` the graph's
   * output is taken as logits and the gradient is that of the mean loss; with it, the output may be any tensor and its gradient is given.
   * An engine that doesn't train runs forward only and returns the values.
   * @param outputGradient [rows, columns of the output]
   */
  trace(batch: NativeBatch, outputGradient?: Float32Array): Promise<Trace>;
  /** Model parameters, in the order of the graph. */
  parameters(): TensorInfo[];
  /** Optimizer state: `<parameter>.<slot>`, e.g. `topMlp.0.weight.accumulator`, `.moment1`, `.moment2`. */
  optimizerState(): TensorInfo[];
  /** Copies floats [offset, offset + out.length) of a parameter or state tensor into `out`. */
  read(name: string, offset: number, out: Float32Array): Promise<void>;
  /** Overwrites floats [offset, offset + values.length) of a parameter or state tensor. */
  write(name: string, offset: number, values: Float32Array): Promise<void>;
  /** What was chosen at compile time: op implementations, tiles, buffer sizes. */
  describe(): EngineDescription;
  /** Milliseconds spent in each part since the last call, for benchmarks. */
  takeTimings(): Promise<Record<string, number>>;
  /** Waits for queued work, frees everything, joins the thread. May be called twice. */
  dispose(): Promise<void>;
}

export interface EngineDescription {
  readonly isa: string;
  readonly threads: number;
  readonly parameterBytes: number;
  readonly stateBytes: number;
  readonly activationBytes: number;
  readonly nodes: readonly { readonly name: string; readonly op: string; readonly implementation: string }[];
}

/** A GPU that this build runs on. */
export interface UsableGpu {
  readonly name: string;
  /** As in `8.0`. */
  readonly computeCapability: string;
  readonly memoryBytes: number;
  readonly multiprocessors: number;
  /** The driver's file. */
  readonly driver: string;
}

/** What a GPU says of itself. */
export interface GpuInfo {
  readonly name: string;
  /** Ten times the compute capability: 80 on A100, 90 on H100. */
  readonly computeCapability: number;
  readonly multiprocessors: number;
  /** The most of the multiprocessors. */
  readonly clockMhz: number;
  /** The most of its memory. */
  readonly memoryGigabytesPerSecond: number;
  readonly memoryBytes: number;
}

export interface MachineInfo {
  readonly cpu: string;
  readonly cores: number;
  /** Instruction sets that matter here: avx2, avx512, avx512_bf16, amx_bf16. */
  readonly features: readonly string[];
  /** What engines use with `isa: auto`: the best this CPU has, or what PSS_ISA in the environment says. */
  readonly isa: Isa;
  readonly compiler: string;
}
