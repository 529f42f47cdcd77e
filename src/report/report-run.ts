import type { RunHistory } from '../run-log/read-run-log.ts';

/** A run as the report shows it. */
export interface ReportRun {
  /** What it is called in figures: short, and different from all others. */
  readonly name: string;
  readonly history: RunHistory;
}

/** A point of a run's course. */
export interface CoursePoint {
  readonly samples: number;
  /** Of training alone: evaluations and checkpoints left out. */
  readonly seconds: number;
  readonly value: number;
}

/** How a run went. */
export interface Course {
  readonly auc: readonly CoursePoint[];
  /** Log loss of the evaluations. */
  readonly logLoss: readonly CoursePoint[];
  /** Mean loss of the training steps between two points. */
  readonly trainingLoss: readonly CoursePoint[];
}

/** Most points of a training loss: more than a figure has room for. */
const MAX_POINTS = 150;

/** The course of a run. Training time at a step is what the step events before it say, so that interruptions don't count. */
export function courseOf({ steps, evaluations }: RunHistory): Course {
  const clock = new TrainingClock(steps);
  const at = ({ samples }: { samples: number }) => ({ samples, seconds: clock.secondsAt(samples) });
  return {
    auc: evaluations.flatMap((event) => (event.auc === null ? [] : [{ ...at(event), value: event.auc }])),
    logLoss: evaluations.map((event) => ({ ...at(event), value: event.logLoss })),
    trainingLoss: thin(steps.map((event) => ({ ...at(event), value: event.loss }))),
  };
}

/** Training seconds by samples seen, linear between step events. */
class TrainingClock {
  readonly #samples: number[] = [0];
  readonly #seconds: number[] = [0];

  constructor(steps: RunHistory['steps']) {
    for (const { samples, samplesPerSecond } of steps) {
      const before = this.#samples.at(-1) as number;
      this.#seconds.push((this.#seconds.at(-1) as number) + (samples - before) / samplesPerSecond);
      this.#samples.push(samples);
    }
  }

  secondsAt(samples: number): number {
    const after = this.#samples.findIndex((each) => each >= samples);
    if (after === 0) return 0;
    // Past the last event the pace is that of the last stretch.
    const right = after < 0 ? this.#samples.length - 1 : after;
    if (right === 0) return 0;
    const [x0, x1] = [this.#samples[right - 1] as number, this.#samples[right] as number];
    const [y0, y1] = [this.#seconds[right - 1] as number, this.#seconds[right] as number];
    return y0 + ((samples - x0) / (x1 - x0)) * (y1 - y0);
  }
}

/** Means of as many neighbours as it takes to be few. */
function thin(points: readonly CoursePoint[]): CoursePoint[] {
  const size = Math.ceil(points.length / MAX_POINTS);
  return Array.from({ length: size === 0 ? 0 : Math.ceil(points.length / size) }, (_, i) => {
    const group = points.slice(i * size, (i + 1) * size);
    const value = group.reduce((sum, point) => sum + point.value, 0) / group.length;
    return { ...(group.at(-1) as CoursePoint), value };
  });
}
