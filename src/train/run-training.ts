import { writeCheckpoint } from '../checkpoint/checkpoint.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { UsageError } from '../errors.ts';
import { encodeModelMetadata } from '../models/model-metadata.ts';
import { PSS_VERSION } from '../version.ts';
import { checkResumable } from './resume-rules.ts';
import { createRunDir, defaultRunDir, readRunConfig, writeRunConfig } from './run-directory.ts';
import { Schedule } from './schedule.ts';
import { completeSurroundings, type Surroundings } from './surroundings.ts';
import { type RunSummary, train } from './train.ts';
import { openTrainingRun, type TrainingRun } from './training-run.ts';

/** What to train and where. */
export interface TrainRequest {
  /** A new run's config, already resolved. */
  readonly config: Config;
  /** Default: `runs/NAME-TIMESTAMP`. */
  readonly runDir?: string | undefined;
  /** Initial weights: a safetensors file with the model's names and shapes. */
  readonly init?: string | undefined;
}

/** Which run to continue. */
export interface ResumeRequest {
  readonly runDir: string;
  /** The config to go on with; by default the run's own. Only keys that don't change what is computed may differ. */
  readonly config?: Config | undefined;
}

export type TrainOutcome = RunSummary & { readonly runDir: string };

/**
 * Trains a new run.
 * @throws PssError when something doesn't fit, or from a guard
 */
export async function startTraining(
  request: TrainRequest,
  surroundings: Surroundings = {},
): Promise<TrainOutcome> {
  const around = completeSurroundings(surroundings);
  const { config, init, runDir = defaultRunDir(config.name) } = request;
  const run = await openTrainingRun({ ...around, config, runDir, init, resume: false });
  try {
    await createRunDir(runDir);
    // Given weights become the first checkpoint: a run killed before its next one must still find them.
    if (init) await writeFirstCheckpoint(run);
    await writeRunConfig(runDir, config);
    return { ...(await train(run, around.reporter, around.signal)), runDir };
  } finally {
    await run.close();
  }
}

/**
 * Continues a run from its newest undamaged checkpoint; the result is bit for bit that of a run never interrupted.
 * @returns undefined when the run is finished already
 * @throws PssError when it can't be continued
 */
export async function resumeTraining(
  request: ResumeRequest,
  surroundings: Surroundings = {},
): Promise<TrainOutcome | undefined> {
  const around = completeSurroundings(surroundings);
  const { runDir } = request;
  const begun = await readRunConfig(runDir);
  const config = request.config ?? begun;
  checkResumable(begun, config);
  const run = await openTrainingRun({ ...around, config, runDir, resume: true });
  try {
    const schedule = new Schedule(config, run.trainData.rows);
    if (run.state.step > schedule.totalSteps) {
      throw new UsageError(
        'ERR_RESUME',
        `train.epochs: ${config.train.epochs} is ${schedule.totalSteps} steps, but ${runDir} has done ${run.state.step} already; give a larger number.`,
      );
    }
    if (schedule.isFinished(run.state)) return undefined;
    await writeRunConfig(runDir, config);
    return { ...(await train(run, around.reporter, around.signal)), runDir };
  } finally {
    await run.close();
  }
}

/** The config to resume a run with: its own, or the one given, with `--set` arguments on top. */
export function resumeConfig(
  runDir: string,
  file: string | undefined,
  sets: readonly string[],
): Promise<Config> {
  return file ? Promise.resolve(loadConfig(file, sets)) : readRunConfig(runDir, sets);
}

function writeFirstCheckpoint({
  runDir,
  engine,
  model,
  trainData,
  state,
  config,
}: TrainingRun): Promise<string> {
  const metadata = encodeModelMetadata({ graph: model.graph, facts: trainData.facts }, PSS_VERSION);
  return writeCheckpoint(runDir, engine, metadata, state, config.train.keepCheckpoints);
}
