import { resolve } from 'node:path';
import type { NativeEngine } from '../addon/addon-types.ts';
import { describeSafetensors } from '../checkpoint/safetensors.ts';
import type { Config } from '../config/config.ts';
import { expandDataPaths } from '../config/data-paths.ts';
import { UsageError } from '../errors.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import type { EvaluationResult } from '../metrics/evaluation-metrics.ts';
import { buildModel } from '../models/build-model.ts';
import { decodeModelMetadata } from '../models/model-metadata.ts';
import { checkSameFacts, Dataset } from '../reader/dataset.ts';
import { resolveThreads } from './engine-factory.ts';
import { Evaluator } from './evaluate.ts';
import { PredictionsFile } from './predictions-file.ts';
import { CALIBRATION_ROWS, type CalibrationReport, expectCpu, sampleRows } from './quantized-model.ts';
import { completeSurroundings, type Surroundings } from './surroundings.ts';
import { openForScoring, openInt8 } from './trained-model.ts';

export interface EvaluateRequest {
  /** Says the batch size and threads, and the model if the file doesn't say it itself. */
  readonly config: Config;
  /** Weights, a .safetensors file. */
  readonly modelFile: string;
  /** Prepared folders; default `data.eval` of the config. */
  readonly data?: readonly string[] | undefined;
  /** Arrow file to write scores to. */
  readonly predictions?: string | undefined;
  /** Default: the config's. With `int8` MLPs are in int8 and all else in bf16, on the CPU. */
  readonly precision?: 'f32' | 'bf16' | 'int8' | undefined;
  /** Where int8's ranges come from. */
  readonly calibration?: CalibrationSource | undefined;
  /** Score the data in f32 too. */
  readonly compare?: boolean | undefined;
}

export interface CalibrationSource {
  /** Prepared folders, others than those evaluated; default `data.train` of the config. */
  readonly data?: readonly string[] | undefined;
  /** How many rows, spread evenly over the data; default 32,768. */
  readonly rows?: number | undefined;
}

export interface ModelEvaluation extends EvaluationResult {
  /** With `int8`: what calibration found, and where. */
  readonly calibrated?: CalibrationReport & { readonly folders: readonly string[] };
  /** With `compare`. */
  readonly f32?: EvaluationResult;
}

/** An engine ready to score, and what there is to say of it. */
type Opened = { readonly engine: NativeEngine } & Pick<ModelEvaluation, 'calibrated'>;
type Around = ReturnType<typeof completeSurroundings>;

/**
 * Scores data with a trained model.
 * @returns undefined when `signal` was aborted; nothing is written then
 * @throws PssError when model and data don't fit together, ERR_QUANTIZATION when int8 would lose too much
 */
export async function evaluateModel(
  request: EvaluateRequest,
  surroundings: Surroundings = {},
): Promise<ModelEvaluation | undefined> {
  const { config, modelFile, compare = false, predictions } = request;
  const around = completeSurroundings(surroundings);
  const data = await Dataset.open(foldersOf(request.data, config.data.eval, '--data', 'data.eval'));
  try {
    const graph = await graphOf(modelFile, config, data);
    const { engine, calibrated } = await open(request, graph, data, around);
    const result = await score(engine, data, config, predictions, around);
    if (!result || !compare) return result && { ...result, ...(calibrated && { calibrated }) };
    const exact = await openFloat(request, graph, 'f32', around);
    const f32 = await score(exact, data, config, undefined, around);
    return f32 && { ...result, ...(calibrated && { calibrated }), f32 };
  } finally {
    await data.close();
  }
}

async function open(
  request: EvaluateRequest,
  graph: GraphSpec,
  evaluated: Dataset,
  around: Around,
): Promise<Opened> {
  const { config, modelFile, calibration = {}, precision = config.precision } = request;
  if (precision !== 'int8') return { engine: await openFloat(request, graph, precision, around) };
  expectCpu(config.device);
  const folders = foldersOf(calibration.data, config.data.train, '--calibration-data', 'data.train');
  expectOthers(folders, evaluated.folders);
  const data = await Dataset.open(folders);
  try {
    checkSameFacts(evaluated.facts, data.facts, `The data for calibration in ${folders.join(', ')}`);
    const rows = await sampleRows(data, calibration.rows ?? CALIBRATION_ROWS);
    const opened = await openInt8(modelFile, graph, rows, optionsOf(config, around));
    return { engine: opened.engine, calibrated: { ...opened.calibration, folders } };
  } finally {
    await data.close();
  }
}

function openFloat(
  { config, modelFile }: EvaluateRequest,
  graph: GraphSpec,
  precision: Config['precision'],
  around: Around,
): Promise<NativeEngine> {
  return openForScoring(modelFile, graph, { ...optionsOf(config, around), precision });
}

function optionsOf(config: Config, { engines }: Around) {
  const { device, data } = config;
  return { threads: resolveThreads(config), batchSize: data.evalBatchSize, device, engines };
}

/** Scores all rows, and disposes of the engine. */
async function score(
  engine: NativeEngine,
  data: Dataset,
  config: Config,
  file: string | undefined,
  { reporter, signal }: Around,
): Promise<EvaluationResult | undefined> {
  const progress = reporter.progress({ title: 'Evaluating', total: data.rows, unit: 'rows' });
  let predictions: PredictionsFile | undefined;
  let whole = false;
  try {
    if (file) predictions = await PredictionsFile.create(file);
    let rows = 0;
    const result = await new Evaluator(data, config.data.evalBatchSize).run(engine, {
      signal,
      onScores: async (logits, labels) => {
        await predictions?.write(logits, labels);
        rows += logits.length;
        progress.update(rows);
      },
    });
    whole = result !== undefined;
    if (whole) await predictions?.finish();
    return result;
  } finally {
    progress.stop();
    if (!whole) await predictions?.discard();
    await engine.dispose();
  }
}

function foldersOf(
  given: readonly string[] | undefined,
  configured: readonly string[],
  option: string,
  key: string,
): string[] {
  return expandDataPaths(given ?? configured, given ? option : key);
}

/** Ranges taken from the rows they are judged by would flatter int8. */
function expectOthers(calibration: readonly string[], evaluated: readonly string[]): void {
  const same = calibration.find((folder) => evaluated.some((other) => resolve(other) === resolve(folder)));
  if (same === undefined) return;
  throw new UsageError(
    'ERR_CALIBRATION',
    `${same} is evaluated and can't be what int8 is calibrated with too; give other rows with --calibration-data.`,
  );
}

/** The graph a model file carries, checked against the data; for weights from elsewhere, the one the config describes. */
async function graphOf(file: string, config: Config, data: Dataset) {
  const stored = decodeModelMetadata((await describeSafetensors(file)).metadata, file);
  if (!stored) return buildModel(config, data.facts).graph;
  checkSameFacts(stored.facts, data.facts, `The data in ${data.folders.join(', ')}`);
  return stored.graph;
}
