import { z } from 'zod';
import { type ModelConfig, modelSchema } from './model-schema.ts';

const positive = z.int().positive();
const count = z.int().nonnegative();
const rate = z.number().positive();
const decay = z.number().min(0).lt(1);
const pathList = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

const data = z.strictObject({
  train: pathList,
  eval: pathList,
  batchSize: positive.max(1_048_576).default(2048),
  evalBatchSize: positive.max(1_048_576).default(16_384),
  shuffle: z.enum(['none', 'batches', 'rows']).default('rows'),
  shuffleWindow: positive.max(16_777_216).default(524_288),
});

const EMBEDDING_KINDS = ['full', 'hash', 'qr', 'robe', 'hashednet', 'jlt', 'md', 'tt'] as const;

const embedding = z.strictObject({
  kind: z.enum(EMBEDDING_KINDS),
  dim: positive.max(4096),
  compression: z.number().min(1).optional(),
  memorySize: positive.max(2 ** 40).optional(),
  chunkSize: positive.optional(),
  hash: z.enum(['mix64', 'apd10']).default('mix64'),
  aligned: z.boolean().default(false),
  minRows: count.max(2 ** 32).default(0),
  perTable: z.boolean().optional(),
  operation: z.enum(['product', 'sum', 'concat']).optional(),
  memories: z.int().min(2).max(64).optional(),
  alpha: z.number().min(0).max(1).optional(),
  sketch: z.enum(['gaussian', 'achlioptas', 'sparse']).optional(),
  nonZeros: positive.max(64).optional(),
  gradient: z.enum(['auto', 'dense', 'sparse']).default('auto'),
});

const optimizer = z.strictObject({
  kind: z.enum(['sgd', 'adagrad', 'rowwise-adagrad', 'adam']).default('sgd'),
  learningRate: rate,
  warmupSteps: count.default(0),
  decayStart: count.default(0),
  decaySteps: count.default(0),
  decayPower: rate.default(2),
  beta1: decay.default(0.9),
  beta2: decay.default(0.999),
  epsilon: rate.default(1e-8),
  initialAccumulator: z.number().nonnegative().default(0),
});

const train = z.strictObject({
  epochs: z.number().positive().default(1),
  evalEvery: count.default(0),
  targetAuc: z.number().gt(0.5).lt(1).optional(),
  stopAtTarget: z.boolean().default(false),
  checkpointEvery: count.default(0),
  logEvery: positive.default(100),
  keepCheckpoints: positive.default(2),
});

/** Every key of a configuration file, its type, its range and its default: the one place that says so. */
export const configSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, {
      error: 'must be letters, digits, dots, dashes and underscores, for it names the run folder',
    })
    .max(100)
    .optional(),
  seed: count.max(2 ** 32 - 1).default(1),
  data,
  embedding,
  model: modelSchema,
  optimizer,
  train: train.prefault({}),
  device: z
    .string()
    .regex(/^(auto|cpu|cuda(:\d{1,3})?)$/, {
      error: 'must be auto, cpu, cuda or cuda:N with the number of a GPU',
    })
    .default('auto'),
  precision: z
    .enum(['f32', 'bf16'], {
      error: ({ input }) =>
        input === 'int8'
          ? 'must be f32 or bf16; int8 is for predictions (pss eval --precision int8)'
          : undefined,
    })
    .default('f32'),
  threads: z.union([z.literal('auto'), positive.max(1024)]).default('auto'),
});

/** A configuration with its types checked and its defaults in, before the derived values and the cross-field rules. */
export type CheckedConfig = z.output<typeof configSchema>;

/** A configuration in which nothing is left to choose but `auto`; every key is present but the optional ones. */
export interface Config {
  /** Names the run folder; the file's own name when it says none. */
  readonly name: string;
  /** 0 to 2³² − 1. */
  readonly seed: number;
  readonly data: DataConfig;
  readonly embedding: EmbeddingConfig;
  readonly model: ModelConfig;
  readonly optimizer: OptimizerConfig;
  readonly train: TrainConfig;
  readonly device: DeviceChoice;
  /** Of activations and of what matrix products read; weights and M learn in f32 under either. */
  readonly precision: 'f32' | 'bf16';
  readonly threads: 'auto' | number;
}

/** `cuda` is `cuda:0`; `auto` a GPU where one can be used, else the CPU. */
export type DeviceChoice = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

export interface DataConfig {
  /** Patterns as written (see `expandDataPaths`), relative to the current directory. */
  readonly train: readonly string[];
  readonly eval: readonly string[];
  /** Rows of a training step. */
  readonly batchSize: number;
  readonly evalBatchSize: number;
  readonly shuffle: 'none' | 'batches' | 'rows';
  /** Rows among which `batches` and `rows` shuffle. */
  readonly shuffleWindow: number;
}

export interface EmbeddingConfig {
  readonly kind: (typeof EMBEDDING_KINDS)[number];
  /** D */
  readonly dim: number;
  /** Σ E_t·D / |M|. Exactly one of `compression` and `memorySize` is set, and neither for `full`. */
  readonly compression?: number;
  /** Floats of all the embedding's parameters; kinds that cut them into rows may use a little less. */
  readonly memorySize?: number;
  /** Z in floats, for robe; 1 for hashednet, `dim` for every other kind. */
  readonly chunkSize: number;
  readonly hash: 'mix64' | 'apd10';
  /** Chunks start on multiples of Z (mix64 only). */
  readonly aligned: boolean;
  /** Tables with fewer rows stay full, inside the same budget. */
  readonly minRows: number;
  /** hash: rows of its own for each table, in proportion to its size, rather than one array for all. */
  readonly perTable?: boolean;
  /** qr: how the vectors of quotient and remainder make one. */
  readonly operation?: 'product' | 'sum' | 'concat';
  /** qr: this many hashes of the id, each into a memory that all tables share, rather than quotient and remainder (paper, equation 1). */
  readonly memories?: number;
  /** md: the temperature, 0 for equal dimensions, larger for more differing ones. */
  readonly alpha?: number;
  /** jlt: the distribution of S. */
  readonly sketch?: 'gaussian' | 'achlioptas' | 'sparse';
  /** jlt with a sparse sketch: entries of a column of S, which are rows of M a lookup reads. */
  readonly nonZeros?: number;
  readonly gradient: 'auto' | 'dense' | 'sparse';
}

export interface OptimizerConfig {
  readonly kind: 'sgd' | 'adagrad' | 'rowwise-adagrad' | 'adam';
  readonly learningRate: number;
  /** Steps of linear warm-up; 0 for none. */
  readonly warmupSteps: number;
  /** Step at which polynomial decay begins; means nothing while `decaySteps` is 0. */
  readonly decayStart: number;
  /** Steps the decay takes; 0 for none. */
  readonly decaySteps: number;
  readonly decayPower: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Adagrad's accumulator before the first step. */
  readonly initialAccumulator: number;
}

export interface TrainConfig {
  /** May be fractional. */
  readonly epochs: number;
  /** Steps between evaluations; 0 for one at the end only. */
  readonly evalEvery: number;
  readonly targetAuc?: number;
  readonly stopAtTarget: boolean;
  /** Steps between checkpoints; 0 for one at the end only. */
  readonly checkpointEvery: number;
  /** Steps between `step` events of the run log. */
  readonly logEvery: number;
  /** Checkpoints kept, the newest first. */
  readonly keepCheckpoints: number;
}
