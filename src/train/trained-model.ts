import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { EngineOptions, NativeEngine } from '../addon/addon-types.ts';
import { findCheckpoint, MODEL_NAME } from '../checkpoint/checkpoint.ts';
import { describeSafetensors, loadSafetensors } from '../checkpoint/safetensors.ts';
import type { DeviceChoice } from '../config/config.ts';
import { PssError, UsageError } from '../errors.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import { decodeModelMetadata, type ModelMetadata } from '../models/model-metadata.ts';
import { resolveDevice } from './device.ts';
import { type EngineFactory, nativeEngines } from './engine-factory.ts';
import { explainEngineError } from './guards.ts';
import { type CalibrationRows, expectCpu, openQuantized, type QuantizedEngine } from './quantized-model.ts';
import { sigmoid } from './sigmoid.ts';

/** Rows to predict, row-major. */
export interface PredictionRows {
  /** [rows, N], transformed as the training data were (see `denseProfile`). */
  readonly dense: Float32Array;
  /** [rows, T], ids as in the training data. */
  readonly sparse: Uint32Array;
}

/** A trained model in memory, ready to score rows. */
export interface TrainedModel {
  /** What the model's data look like: N, T, kind of ids, dense profile. */
  readonly facts: ModelMetadata['facts'];
  /**
   * Click probabilities [rows]. Calls run one after another.
   * @throws PssError ERR_ROWS when the arrays don't hold the same number of rows, ERR_ID_RANGE for an id beyond its table
   */
  predict(rows: PredictionRows): Promise<Float32Array>;
  /** Frees the model; may be called twice. */
  dispose(): Promise<void>;
}

export interface LoadModelOptions {
  /** Default: one for each core. */
  readonly threads?: number;
  /** Most rows scored at once; default 16,384. */
  readonly batchSize?: number;
  /**
   * Of activations and of what matrix products read; default f32, whatever the model was trained with. `int8` is for MLPs alone, on the CPU
   * alone, with bf16 elsewhere, and needs `calibration`.
   */
  readonly precision?: 'f32' | 'bf16' | 'int8';
  /** Some thousand rows as the model was trained with, from which int8 takes its ranges; kept until the model is loaded. */
  readonly calibration?: CalibrationRows;
  /** Default `auto`: a GPU where one can be used. */
  readonly device?: DeviceChoice;
  /** What compiles models; default the native addon. */
  readonly engines?: EngineFactory;
}

/**
 * Loads a trained model.
 * @param path a run's directory (its newest undamaged checkpoint) or a model.safetensors
 * @throws PssError when there is no model, it was written by something else than pss, or int8 would change its AUC on the calibration rows by
 *   more than 0.0003
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<TrainedModel> {
  const file = await modelFile(path);
  const metadata = await readModelMetadata(file);
  const { facts } = metadata;
  const { threads = availableParallelism(), batchSize = 16_384, precision = 'f32' } = options;
  const { device = 'auto', engines = nativeEngines() } = options;
  const engine = await openInPrecision(file, metadata, precision, options.calibration, {
    threads,
    batchSize,
    device,
    engines,
  });
  let last: Promise<unknown> = Promise.resolve();
  return {
    facts,
    predict: ({ dense, sparse }) => {
      const count = dense.length / facts.numDense;
      if (!areRows({ dense, sparse }, count, facts)) return Promise.reject(wrongRows(dense, sparse, facts));
      const scored = last.then(() => score(engine, dense, sparse, count));
      last = scored.catch(() => undefined);
      return scored;
    },
    dispose: () => engine.dispose(),
  };
}

/** The metadata of a model file written by pss. @throws PssError ERR_MODEL_FILE when it has none */
export async function readModelMetadata(file: string): Promise<ModelMetadata> {
  const metadata = decodeModelMetadata((await describeSafetensors(file)).metadata, file);
  if (metadata) return metadata;
  throw new PssError(
    'ERR_MODEL_FILE',
    `${file} holds weights only, without the model they belong to; give a model.safetensors written by pss, or evaluate it with --config.`,
  );
}

/** The model file of a run's newest undamaged checkpoint, or the file itself. */
export async function modelFile(path: string, warn: (line: string) => void = () => {}): Promise<string> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isDirectory()) return path;
  return join((await findCheckpoint(path, warn)).folder, MODEL_NAME);
}

async function openInPrecision(
  file: string,
  { graph, facts }: ModelMetadata,
  precision: 'f32' | 'bf16' | 'int8',
  calibration: CalibrationRows | undefined,
  options: Omit<OpenOptions, 'precision'>,
): Promise<NativeEngine> {
  if (precision !== 'int8') return openForScoring(file, graph, { ...options, precision });
  if (!calibration) {
    throw new UsageError(
      'ERR_PRECISION',
      'Precision int8 takes its ranges from data; give some thousand rows with labels as `calibration`.',
    );
  }
  const { labels, dense, sparse } = calibration;
  if (!areRows(calibration, labels.length, facts) || labels.length === 0)
    throw wrongRows(dense, sparse, facts);
  return (await openInt8(file, graph, calibration, options)).engine;
}

/**
 * An engine that scores with the weights of a file, its MLPs in int8.
 * @throws UsageError ERR_PRECISION when a GPU was asked for; PssError as `openQuantized`
 */
export function openInt8(
  file: string,
  graph: GraphSpec,
  calibration: CalibrationRows,
  options: Omit<OpenOptions, 'precision'>,
): Promise<QuantizedEngine> {
  expectCpu(options.device);
  return openQuantized(graph, calibration, (each, precision) =>
    openForScoring(file, each, { ...options, device: 'cpu', precision }),
  ).catch((error: unknown) => {
    throw explainEngineError(error);
  });
}

/** An engine that scores with the weights of a file. */
export async function openForScoring(
  file: string,
  graph: GraphSpec,
  options: OpenOptions,
): Promise<NativeEngine> {
  const device = resolveDevice(options.device, options.engines);
  const engine = options.engines.createEngine(graph, { ...scoringOptions(options), ...device.options });
  try {
    await loadSafetensors(file, engine.parameters(), engine);
  } catch (error) {
    await engine.dispose();
    throw error;
  }
  return engine;
}

export type OpenOptions = ScoringOptions & {
  readonly device: DeviceChoice;
  readonly engines: EngineFactory;
};

type ScoringOptions = Required<Pick<EngineOptions, 'threads' | 'batchSize' | 'precision'>>;

function scoringOptions({ threads, batchSize, precision }: ScoringOptions): EngineOptions {
  const optimizer = { kind: 'sgd', beta1: 0, beta2: 0, epsilon: 0, initialAccumulator: 0 } as const;
  return { batchSize, threads, seed: 0, optimizer, isa: 'auto', training: false, precision };
}

async function score(
  engine: NativeEngine,
  dense: Float32Array,
  sparse: Uint32Array,
  count: number,
): Promise<Float32Array> {
  try {
    const logits = await engine.predict({ labels: new Uint8Array(count), dense, sparse });
    return logits.map(sigmoid);
  } catch (error) {
    throw explainEngineError(error);
  }
}

function areRows({ dense, sparse }: PredictionRows, count: number, facts: ModelMetadata['facts']): boolean {
  const { numDense, numTables } = facts;
  return Number.isInteger(count) && dense.length === count * numDense && sparse.length === count * numTables;
}

function wrongRows(dense: Float32Array, sparse: Uint32Array, facts: ModelMetadata['facts']): PssError {
  return new PssError(
    'ERR_ROWS',
    `Got ${dense.length} dense values and ${sparse.length} ids; give ${facts.numDense} and ${facts.numTables} for each row.`,
  );
}
