import type { GraphSpec } from '../graph/graph-spec.ts';

/** First event of a run, and again each time it is resumed. */
export interface RunStartEvent {
  readonly event: 'run_start';
  readonly schema: 1;
  readonly config: unknown;
  readonly graph: GraphSpec;
  /** SHA-256 of the graph's JSON. */
  readonly graphHash: string;
  /** Floats the model learns. */
  readonly parameters: number;
  readonly embeddingBytes: number;
  /** Σ E_t·D / |M|; null when the table sizes aren't known even as an estimate. */
  readonly compression: number | null;
  readonly device: string;
  readonly deviceName: string;
  readonly threads: number;
  readonly precision: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly data: { readonly train: readonly string[]; readonly eval: readonly string[] };
  /** Only when resumed: events of later steps that stand before this one belong to the attempt that was cut off. */
  readonly resumedFromStep?: number;
}

export interface StepEvent {
  readonly event: 'step';
  readonly step: number;
  readonly epoch: number;
  readonly samples: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly samplesPerSecond: number;
  /** Time the trainer waited for data since the last step event. */
  readonly dataWaitMs: number;
}

export interface EvalEvent {
  readonly event: 'eval';
  readonly step: number;
  readonly epoch: number;
  readonly samples: number;
  /** null when all evaluated rows have the same label. */
  readonly auc: number | null;
  readonly logLoss: number;
  readonly baselineLogLoss: number;
  readonly calibration: number | null;
  readonly durationMs: number;
}

export interface CheckpointEvent {
  readonly event: 'checkpoint';
  readonly step: number;
  /** Relative to the run directory. */
  readonly path: string;
}

export interface TargetReachedEvent {
  readonly event: 'target_reached';
  readonly step: number;
  readonly epoch: number;
  readonly auc: number;
  readonly wallSeconds: number;
}

export type EndReason = 'finished' | 'target' | 'interrupted' | 'failed';

export interface RunEndEvent {
  readonly event: 'run_end';
  readonly reason: EndReason;
  readonly bestAuc: number | null;
  readonly bestStep: number | null;
  readonly epochsToTarget: number | null;
  /** Since this process began the run. */
  readonly wallSeconds: number;
  /** In training steps, over all attempts; evaluation and checkpoints left out. */
  readonly trainSeconds: number;
}

/** A line of run.jsonl, without its `time`. */
export type RunEvent =
  | RunStartEvent
  | StepEvent
  | EvalEvent
  | CheckpointEvent
  | TargetReachedEvent
  | RunEndEvent;
