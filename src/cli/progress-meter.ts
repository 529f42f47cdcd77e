import { formatDuration, formatQuantity } from '../format/quantity.ts';

/** Progress at one moment. */
export interface ProgressReading {
  readonly done: number;
  readonly total: number | undefined;
  /** Units per second over the last few seconds; undefined until there is something to go by. */
  readonly rate: number | undefined;
  /** Undefined without a total or a rate. */
  readonly secondsLeft: number | undefined;
}

/** Milliseconds the rate looks back, so that it follows a change of pace but doesn't jitter. */
const WINDOW_MS = 15_000;
const SAMPLE_MS = 250;

/** Rate and time left of work whose progress is read now and then. */
export class ProgressMeter {
  readonly #total: number | undefined;
  readonly #now: () => number;
  readonly #samples: { at: number; done: number }[];

  /** @param now clock in milliseconds */
  constructor(total: number | undefined, start: number, now: () => number) {
    this.#total = total;
    this.#now = now;
    this.#samples = [{ at: now(), done: start }];
  }

  /** @param done units since the very beginning, never less than last time */
  read(done: number): ProgressReading {
    const at = this.#now();
    const oldest = this.#oldestWithin(at);
    const seconds = (at - oldest.at) / 1000;
    const rate = seconds > 0 && done > oldest.done ? (done - oldest.done) / seconds : undefined;
    const last = this.#samples[this.#samples.length - 1] ?? oldest;
    if (at - last.at >= SAMPLE_MS) this.#samples.push({ at, done });
    const left = this.#total === undefined ? undefined : Math.max(0, this.#total - done);
    return {
      done,
      total: this.#total,
      rate,
      secondsLeft: rate === undefined || left === undefined ? undefined : left / rate,
    };
  }

  #oldestWithin(at: number): { at: number; done: number } {
    while (this.#samples.length > 1 && at - (this.#samples[1]?.at ?? at) >= WINDOW_MS) this.#samples.shift();
    return this.#samples[0] ?? { at, done: 0 };
  }
}

/** One line: `Training 45% (1.2M of 2.6M samples), 350k samples/s, 4s left, loss 0.45`. */
export function formatProgress(title: string, unit: string, reading: ProgressReading, note: string): string {
  const { done, total, rate, secondsLeft } = reading;
  const amount = (value: number) => formatQuantity(value, unit);
  const parts = [
    total === undefined || total === 0
      ? `${title} ${amount(done)}${unit === 'bytes' ? '' : ` ${unit}`}`
      : `${title} ${Math.floor((100 * Math.min(done, total)) / total)}% (${amount(done)} of ${amount(total)}${unit === 'bytes' ? '' : ` ${unit}`})`,
    ...(rate === undefined ? [] : [`${amount(rate)}${unit === 'bytes' ? '' : ` ${unit}`}/s`]),
    ...(secondsLeft === undefined ? [] : [`${formatDuration(secondsLeft)} left`]),
    ...(note === '' ? [] : [note]),
  ];
  return parts.join(', ');
}
