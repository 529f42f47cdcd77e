import { describeSafetensors } from '../checkpoint/safetensors.ts';
import type { Config } from '../config/config.ts';
import { expandDataPaths } from '../config/data-paths.ts';
import type { EvaluationResult } from '../metrics/evaluation-metrics.ts';
import { buildModel } from '../models/build-model.ts';
import { decodeModelMetadata } from '../models/model-metadata.ts';
import { checkSameFacts, Dataset } from '../reader/dataset.ts';
import { resolveThreads } from './engine-factory.ts';
import { Evaluator } from './evaluate.ts';
import { PredictionsFile } from './predictions-file.ts';
import { completeSurroundings, type Surroundings } from './surroundings.ts';
import { openForScoring } from './trained-model.ts';

export interface EvaluateRequest {
  /** Says the batch size and threads, and the model if the file doesn't say it itself. */
  readonly config: Config;
  /** Weights, a .safetensors file. */
  readonly modelFile: string;
  /** Prepared folders; default `data.eval` of the config. */
  readonly data?: readonly string[] | undefined;
  /** Arrow file to write scores to. */
  readonly predictions?: string | undefined;
}

/**
 * Scores data with a trained model.
 * @returns undefined when `signal` was aborted; nothing is written then
 * @throws PssError when model and data don't fit together
 */
export async function evaluateModel(
  request: EvaluateRequest,
  surroundings: Surroundings = {},
): Promise<EvaluationResult | undefined> {
  const { config, modelFile } = request;
  const { reporter, signal, engines } = completeSurroundings(surroundings);
  const patterns = request.data ?? config.data.eval;
  const folders = expandDataPaths(patterns, request.data ? '--data' : 'data.eval');
  const data = await Dataset.open(folders);
  try {
    const graph = await graphOf(modelFile, config, data);
    const batchSize = config.data.evalBatchSize;
    const engine = await openForScoring(modelFile, graph, {
      threads: resolveThreads(config),
      batchSize,
      precision: config.precision,
      device: config.device,
      engines,
    });
    const progress = reporter.progress({ title: 'Evaluating', total: data.rows, unit: 'rows' });
    let predictions: PredictionsFile | undefined;
    let whole = false;
    try {
      if (request.predictions) predictions = await PredictionsFile.create(request.predictions);
      let rows = 0;
      const result = await new Evaluator(data, batchSize).run(engine, {
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
  } finally {
    await data.close();
  }
}

/** The graph a model file carries, checked against the data; for weights from elsewhere, the one the config describes. */
async function graphOf(file: string, config: Config, data: Dataset) {
  const stored = decodeModelMetadata((await describeSafetensors(file)).metadata, file);
  if (!stored) return buildModel(config, data.facts).graph;
  checkSameFacts(stored.facts, data.facts, `The data in ${data.folders.join(', ')}`);
  return stored.graph;
}
