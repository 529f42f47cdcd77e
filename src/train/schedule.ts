import type { Config } from '../config/config.ts';

/** How far a run has come, as far as the schedule looks at it. */
export interface RunPosition {
  /** Steps done. */
  readonly step: number;
  /** Step of the last evaluation finished. */
  readonly lastEvalStep: number | null;
  /** Null until the target AUC was reached. */
  readonly epochsToTarget: number | null;
}

/** Most rows and most steps in one native call: few calls, yet an interrupt is answered within a fraction of a second. */
const SUPERBATCH_ROWS = 8192;
const SUPERBATCH_STEPS = 64;

/** Where a step lies in the run, and which events follow it. Everything is a function of the number of steps done. */
export class Schedule {
  readonly stepsPerEpoch: number;
  /** Steps of the whole run: whole epochs, and the share of one that a fractional `train.epochs` asks for. */
  readonly totalSteps: number;
  /** Most steps in one native call. */
  readonly superbatchSteps: number;
  readonly #config: Config;
  readonly #rows: number;

  /** @param rows of the training data */
  constructor(config: Config, rows: number) {
    const { batchSize } = config.data;
    const { epochs } = config.train;
    this.#config = config;
    this.#rows = rows;
    this.stepsPerEpoch = Math.ceil(rows / batchSize);
    const partial = Math.round((epochs % 1) * this.stepsPerEpoch);
    this.totalSteps = Math.max(1, Math.floor(epochs) * this.stepsPerEpoch + partial);
    this.superbatchSteps = Math.min(SUPERBATCH_STEPS, Math.max(1, Math.floor(SUPERBATCH_ROWS / batchSize)));
  }

  /** Where `step` steps lead: whole epochs done, rows of the next one done, and rows trained on in all. */
  position(step: number): { step: number; epoch: number; rowInEpoch: number; samples: number } {
    const epoch = Math.floor(step / this.stepsPerEpoch);
    const rowInEpoch = (step % this.stepsPerEpoch) * this.#config.data.batchSize;
    return { step, epoch, rowInEpoch, samples: epoch * this.#rows + rowInEpoch };
  }

  /** Rows trained on in the first `step` steps. */
  samples(step: number): number {
    return this.position(step).samples;
  }

  /** Fractional epochs done after `step` steps. */
  epochs(step: number): number {
    return this.samples(step) / this.#rows;
  }

  logsAt(step: number): boolean {
    return step % this.#config.train.logEvery === 0 || step === this.totalSteps;
  }

  /** Whether the step just done is still to be evaluated; an interrupt may have put that off. */
  owesEvaluation({ step, lastEvalStep }: RunPosition): boolean {
    const due = isMultiple(step, this.#config.train.evalEvery) || step === this.totalSteps;
    return due && step > 0 && lastEvalStep !== step;
  }

  checkpointsAt(step: number): boolean {
    return isMultiple(step, this.#config.train.checkpointEvery) || step === this.totalSteps;
  }

  /** Whether nothing is left to do. */
  isFinished(position: RunPosition): boolean {
    if (this.#stoppedAtTarget(position)) return true;
    return position.step >= this.totalSteps && !this.owesEvaluation(position);
  }

  /** Why a run that stopped here stopped. */
  endReason(position: RunPosition): 'finished' | 'target' | 'interrupted' {
    if (this.#stoppedAtTarget(position)) return 'target';
    return this.isFinished(position) ? 'finished' : 'interrupted';
  }

  #stoppedAtTarget({ epochsToTarget }: RunPosition): boolean {
    return this.#config.train.stopAtTarget && epochsToTarget !== null;
  }

  /** How many steps can follow `step` in one native call without passing an evaluation, a checkpoint or the end. */
  stepsInOneCall(step: number): number {
    const { evalEvery, checkpointEvery } = this.#config.train;
    return Math.min(
      this.superbatchSteps,
      untilMultiple(step, evalEvery),
      untilMultiple(step, checkpointEvery),
      this.totalSteps - step,
    );
  }
}

function isMultiple(step: number, every: number): boolean {
  return every > 0 && step % every === 0;
}

function untilMultiple(step: number, every: number): number {
  return every > 0 ? every - (step % every) : Number.POSITIVE_INFINITY;
}
