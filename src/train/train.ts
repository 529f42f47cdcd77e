import { BatchStream } from '../batch/batch-stream.ts';
import { type TrainingState, writeCheckpoint } from '../checkpoint/checkpoint.ts';
import type { EvaluationResult } from '../metrics/evaluation-metrics.ts';
import { encodeModelMetadata } from '../models/model-metadata.ts';
import type { EndReason } from '../run-log/events.ts';
import { RunLog } from '../run-log/run-log.ts';
import { PSS_VERSION } from '../version.ts';
import { Evaluator } from './evaluate.ts';
import { explainEngineError, guardEvaluation, guardLosses } from './guards.ts';
import { learningRates } from './learning-rate.ts';
import type { Reporter } from './reporter.ts';
import { runStartEvent } from './run-start.ts';
import { Schedule } from './schedule.ts';
import { StepLog } from './step-log.ts';
import type { TrainingRun } from './training-run.ts';

/** How a run ended. */
export interface RunSummary {
  readonly reason: Exclude<EndReason, 'failed'>;
  readonly step: number;
  /** The last evaluation of this process; undefined when it was interrupted before one. */
  readonly evaluation: EvaluationResult | undefined;
  readonly bestAuc: number | null;
  readonly epochsToTarget: number | null;
  readonly trainSeconds: number;
}

/** A training state that is being moved on. */
type State = { -readonly [K in keyof TrainingState]: TrainingState[K] };

/**
 * Trains a run to its end: the only place where data, engine, metrics, log and checkpoints meet. Read from top to bottom.
 * @param signal when aborted, the run finishes the steps under way, writes a checkpoint and returns with reason `interrupted`
 * @throws PssError from the guards, after a `run_end` event with reason `failed`; earlier checkpoints are kept
 */
export async function train(run: TrainingRun, reporter: Reporter, signal: AbortSignal): Promise<RunSummary> {
  const { config, runDir, trainData, engine, model } = run;
  const { batchSize, shuffle, shuffleWindow } = config.data;
  const schedule = new Schedule(config, trainData.rows);
  const evaluator = new Evaluator(run.evalData, config.data.evalBatchSize);
  const metadata = encodeModelMetadata({ graph: model.graph, facts: trainData.facts }, PSS_VERSION);
  const state: State = { ...run.state };
  const stepLog = new StepLog(schedule, state.unloggedLoss);
  const wallStart = performance.now() - state.wallSeconds * 1000;
  const wallSeconds = () => (performance.now() - wallStart) / 1000;
  let evaluation: EvaluationResult | undefined;
  let reason: EndReason = 'failed';

  const stream = new BatchStream(trainData, {
    batchSize,
    maxBatches: schedule.superbatchSteps,
    shuffle,
    windowRows: shuffleWindow,
    seed: config.seed,
    epochs: Math.ceil(config.train.epochs),
  });
  const log = new RunLog(runDir);
  log.write(runStartEvent(run));
  const progress = reporter.progress({
    title: 'Training',
    total: schedule.samples(schedule.totalSteps),
    unit: 'samples',
    start: state.samples,
  });
  try {
    stream.seek(state.epoch, state.rowInEpoch);
    let reading = stream.read(schedule.stepsInOneCall(state.step));
    while (!schedule.isFinished(state) && !signal.aborted) {
      if (!schedule.owesEvaluation(state)) {
        const callStart = performance.now();
        const batch = await reading;
        const dataWaitMs = performance.now() - callStart;
        if (!batch) throw new RangeError('the training data ended early');

        const firstStep = state.step + 1;
        const lastStep = state.step + batch.batches;
        const rates = learningRates(firstStep, lastStep, config.optimizer);
        const training = engine.train(batch, batchSize, firstStep, rates);
        // The next superbatch is made while the engine works on this one; whatever it meets is told by its own `await`.
        if (lastStep < schedule.totalSteps) reading = stream.read(schedule.stepsInOneCall(lastStep));
        reading.catch(() => undefined);
        const { losses } = await training;

        guardLosses(losses, firstStep, rates);
        const seconds = (performance.now() - callStart) / 1000;
        for (const event of stepLog.add(firstStep, losses, rates, seconds, dataWaitMs)) log.write(event);
        Object.assign(state, schedule.position(lastStep), { unloggedLoss: stepLog.unlogged });
        state.trainSeconds += seconds;
      }
      if (schedule.owesEvaluation(state)) {
        const started = performance.now();
        const result = await evaluator.run(engine, { signal });
        if (result) {
          evaluation = result;
          const { auc, logLoss, baselineLogLoss, calibration } = result;
          const at = { step: state.step, epoch: schedule.epochs(state.step), samples: state.samples };
          const durationMs = performance.now() - started;
          log.write({ event: 'eval', ...at, auc, logLoss, baselineLogLoss, calibration, durationMs });
          if (auc === null) reporter.warn('All evaluated rows have the same label, so there is no AUC.');
          state.stuckEvaluations = guardEvaluation(result, state.step, state.stuckEvaluations);
          if (noteEvaluation(state, auc, config.train.targetAuc)) {
            state.epochsToTarget = at.epoch;
            log.write({
              event: 'target_reached',
              step: state.step,
              epoch: at.epoch,
              auc: auc as number,
              wallSeconds: wallSeconds(),
            });
          }
        }
      }
      progress.update(state.samples, describeProgress(stepLog.shownLoss, state.lastAuc));
      if (schedule.checkpointsAt(state.step) || schedule.isFinished(state) || signal.aborted) {
        state.wallSeconds = wallSeconds();
        const path = await writeCheckpoint(runDir, engine, metadata, state, config.train.keepCheckpoints);
        log.write({ event: 'checkpoint', step: state.step, path });
      }
    }
    reason = schedule.endReason(state);
    const { step, bestAuc, epochsToTarget, trainSeconds } = state;
    return { reason, step, evaluation, bestAuc, epochsToTarget, trainSeconds };
  } catch (error) {
    throw explainEngineError(error);
  } finally {
    progress.stop();
    await stream.close();
    const { bestAuc, bestStep, epochsToTarget, trainSeconds } = state;
    const scores = { bestAuc, bestStep, epochsToTarget };
    log.write({ event: 'run_end', reason, ...scores, wallSeconds: wallSeconds(), trainSeconds });
    log.close();
  }
}

/** Takes an evaluation into the state. @returns whether the target was reached for the first time */
function noteEvaluation(state: State, auc: number | null, targetAuc: number | undefined): boolean {
  state.lastAuc = auc;
  state.lastEvalStep = state.step;
  if (auc === null) return false;
  if (state.bestAuc === null || auc > state.bestAuc) {
    state.bestAuc = auc;
    state.bestStep = state.step;
  }
  return targetAuc !== undefined && auc >= targetAuc && state.epochsToTarget === null;
}

function describeProgress(loss: number, auc: number | null): string {
  return `loss ${loss.toFixed(4)}${auc === null ? '' : `, AUC ${auc.toFixed(4)}`}`;
}
