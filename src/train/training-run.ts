import { join } from 'node:path';
import type { EngineOptions, MachineInfo, NativeEngine } from '../addon/addon-types.ts';
import {
  findCheckpoint,
  listCheckpoints,
  MODEL_NAME,
  restoreCheckpoint,
  type TrainingState,
} from '../checkpoint/checkpoint.ts';
import { describeSafetensors, loadSafetensors } from '../checkpoint/safetensors.ts';
import type { Config } from '../config/config.ts';
import { expandDataPaths } from '../config/data-paths.ts';
import { PssError } from '../errors.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import { buildModel, type Model } from '../models/build-model.ts';
import { checkSameEmbedding, decodeModelMetadata } from '../models/model-metadata.ts';
import { checkSameFacts, Dataset } from '../reader/dataset.ts';
import { type Device, resolveDevice } from './device.ts';
import { type EngineFactory, resolveThreads } from './engine-factory.ts';
import { guardLabels } from './guards.ts';
import type { Reporter } from './reporter.ts';
import { hashRun } from './resume-rules.ts';

export interface TrainingRunOptions {
  readonly config: Config;
  readonly runDir: string;
  /** Initial weights: a safetensors file with the model's names and shapes. */
  readonly init?: string | undefined;
  /** Go on from the run directory's newest undamaged checkpoint, or from the beginning if it never wrote one. */
  readonly resume: boolean;
  readonly reporter: Reporter;
  readonly engines: EngineFactory;
}

/** Everything a run trains with, opened and checked. */
export interface TrainingRun {
  readonly config: Config;
  readonly runDir: string;
  readonly trainData: Dataset;
  readonly evalData: Dataset;
  readonly model: Model;
  readonly engine: NativeEngine;
  readonly threads: number;
  readonly device: Device;
  readonly machine: Pick<MachineInfo, 'cpu' | 'isa'>;
  /** Where the run begins or goes on. */
  readonly state: TrainingState;
  readonly resumed: boolean;
  close(): Promise<void>;
}

/**
 * Opens data and model, and loads the weights a run begins with.
 * @throws PssError about whatever doesn't fit, with nothing left open
 */
export async function openTrainingRun(options: TrainingRunOptions): Promise<TrainingRun> {
  const { config, runDir, reporter, engines } = options;
  const opened: { close(): Promise<void> }[] = [];
  const close = async () => {
    for (const resource of opened.splice(0).reverse()) await resource.close();
  };
  try {
    const trainData = await Dataset.open(expandDataPaths(config.data.train, 'data.train'));
    opened.push(trainData);
    const evalData = await Dataset.open(expandDataPaths(config.data.eval, 'data.eval'));
    opened.push(evalData);
    guardLabels(trainData);
    checkSameFacts(trainData.facts, evalData.facts, 'The data of data.eval');
    const model = buildModel(config, trainData.facts);
    for (const warning of model.warnings) reporter.warn(warning);
    const device = resolveDevice(config.device, engines);
    const threads = resolveThreads(config);
    const engine = engines.createEngine(model.graph, engineOptions(config, threads, device));
    opened.push({ close: () => engine.dispose() });
    const runHash = hashRun(config, model.graph, trainData.manifestHashes);
    const restored = options.resume ? await restore(runDir, runHash, engine, reporter) : undefined;
    if (!restored && options.init) await loadInitialWeights(options.init, model.graph, engine);
    const state = restored ?? initialState(config.seed, runHash);
    const machine = engines.machine();
    const resumed = options.resume;
    return {
      config,
      runDir,
      trainData,
      evalData,
      model,
      engine,
      threads,
      device,
      machine,
      state,
      resumed,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Loads weights into an engine, after checking that they mean there what they meant where they were trained. */
export async function loadInitialWeights(
  path: string,
  graph: GraphSpec,
  engine: NativeEngine,
): Promise<void> {
  const { metadata } = await describeSafetensors(path);
  const stored = decodeModelMetadata(metadata, path);
  if (stored) checkSameEmbedding(graph, stored.graph, path);
  await loadSafetensors(path, engine.parameters(), engine);
}

async function restore(
  runDir: string,
  runHash: string,
  engine: NativeEngine,
  reporter: Reporter,
): Promise<TrainingState | undefined> {
  if ((await listCheckpoints(runDir)).length === 0) {
    reporter.info(`${runDir} has no checkpoint yet; its run starts over.`);
    return undefined;
  }
  const checkpoint = await findCheckpoint(runDir, reporter.warn);
  if (checkpoint.state.runHash !== runHash) {
    throw new PssError(
      'ERR_RESUME',
      `The training data or the model of ${runDir} have changed since ${join(checkpoint.folder, MODEL_NAME)} was written; restore the data of data.train as they were, or start a new run.`,
    );
  }
  await restoreCheckpoint(checkpoint, engine);
  return checkpoint.state;
}

function engineOptions(config: Config, threads: number, device: Device): EngineOptions {
  const { kind, beta1, beta2, epsilon, initialAccumulator } = config.optimizer;
  return {
    batchSize: config.data.batchSize,
    threads,
    seed: config.seed,
    optimizer: { kind, beta1, beta2, epsilon, initialAccumulator },
    isa: 'auto',
    training: true,
    precision: config.precision,
    ...device.options,
  };
}

function initialState(seed: number, runHash: string): TrainingState {
  return {
    schema: 1,
    step: 0,
    epoch: 0,
    rowInEpoch: 0,
    samples: 0,
    seed,
    runHash,
    bestAuc: null,
    bestStep: null,
    epochsToTarget: null,
    stuckEvaluations: 0,
    lastEvalStep: null,
    lastAuc: null,
    unloggedLoss: { sum: 0, steps: 0 },
    trainSeconds: 0,
    wallSeconds: 0,
  };
}
