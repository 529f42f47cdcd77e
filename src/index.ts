/**
 * `pss` as a library: prepared data, training, and trained models scored in process.
 *
 * @example
 * ```ts
 * const model = await loadModel('runs/smoke-20260101-120000');
 * const probabilities = await model.predict({ dense, sparse });
 * await model.dispose();
 * ```
 */
export type { Config, DeviceChoice } from './config/config.ts';
export { loadConfig, parseConfig, stringifyConfig } from './config/config.ts';
export { PssError, UsageError } from './errors.ts';
export { areaUnderRoc } from './metrics/auc.ts';
export { EvaluationMetrics, type EvaluationResult } from './metrics/evaluation-metrics.ts';
export type { DataFacts } from './models/embedding-plan.ts';
export { Dataset, type DatasetFacts } from './reader/dataset.ts';
export type { Rows as RecordBatchView } from './reader/rows.ts';
export type {
  CheckpointEvent,
  EndReason,
  EvalEvent,
  RunEndEvent,
  RunEvent,
  RunStartEvent,
  StepEvent,
  TargetReachedEvent,
} from './run-log/events.ts';
export { synthesize } from './synth/synth.ts';
export type { SynthOptions } from './synth/synth-options.ts';
export {
  type CalibrationSource,
  type EvaluateRequest,
  evaluateModel,
  type ModelEvaluation,
} from './train/evaluate-model.ts';
export type { CalibrationReport, CalibrationRows } from './train/quantized-model.ts';
export type { Reporter } from './train/reporter.ts';
export {
  type ResumeRequest,
  resumeTraining,
  startTraining,
  type TrainOutcome,
  type TrainRequest,
} from './train/run-training.ts';
export type { Surroundings } from './train/surroundings.ts';
export type { RunSummary } from './train/train.ts';
export {
  type LoadModelOptions,
  loadModel,
  type PredictionRows,
  type TrainedModel,
} from './train/trained-model.ts';
export { PSS_VERSION } from './version.ts';
