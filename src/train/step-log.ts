import type { StepEvent } from '../run-log/events.ts';
import type { Schedule } from './schedule.ts';

/** Losses not logged yet, as a checkpoint keeps them. */
export interface UnloggedLoss {
  readonly sum: number;
  readonly steps: number;
}

/** Collects what `step` events report: the mean loss, the speed and the waiting since the event before. */
export class StepLog {
  readonly #schedule: Schedule;
  #sum: number;
  #steps: number;
  #seconds = 0;
  #samples = 0;
  #waitMs = 0;
  #lastLoss = Number.NaN;

  constructor(schedule: Schedule, unlogged: UnloggedLoss) {
    this.#schedule = schedule;
    this.#sum = unlogged.sum;
    this.#steps = unlogged.steps;
  }

  /**
   * Takes in the steps of one native call.
   * @param firstStep number of the first of them, from 1
   * @param seconds they took, waiting for data included
   * @returns the events due
   */
  add(
    firstStep: number,
    losses: Float64Array,
    rates: Float64Array,
    seconds: number,
    dataWaitMs: number,
  ): StepEvent[] {
    const schedule = this.#schedule;
    this.#seconds += seconds;
    this.#waitMs += dataWaitMs;
    this.#samples += schedule.samples(firstStep - 1 + losses.length) - schedule.samples(firstStep - 1);
    const speed = this.#samples / Math.max(this.#seconds, 1e-9);
    const events: StepEvent[] = [];
    for (let i = 0; i < losses.length; i++) {
      const step = firstStep + i;
      this.#sum += losses[i] as number;
      this.#steps++;
      if (!schedule.logsAt(step)) continue;
      this.#lastLoss = this.#sum / this.#steps;
      events.push({
        event: 'step',
        step,
        epoch: schedule.epochs(step),
        samples: schedule.samples(step),
        loss: this.#lastLoss,
        learningRate: rates[i] as number,
        samplesPerSecond: speed,
        dataWaitMs: this.#waitMs,
      });
      this.#sum = 0;
      this.#steps = 0;
      this.#waitMs = 0;
    }
    if (events.length > 0) {
      this.#seconds = 0;
      this.#samples = 0;
    }
    return events;
  }

  get unlogged(): UnloggedLoss {
    return { sum: this.#sum, steps: this.#steps };
  }

  /** Mean loss for a person to look at: of the last event, or since the beginning when there was none yet. */
  get shownLoss(): number {
    return Number.isNaN(this.#lastLoss) ? this.#sum / this.#steps : this.#lastLoss;
  }
}
