/** Levels of 8 bits, less the one at which they begin. */
const STEPS = 255;
/** Shares of the whole range among which the best is looked for. */
const SHARES = Array.from({ length: 40 }, (_, i) => 1 - i * 0.02);
const SMALLEST_REACH = 2 ** -24;

/** From where to where values get levels; beyond it they get the nearest. 0 is within. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/**
 * How values are distributed: counts in equal bins on either side of 0, which reach as far as the values do, by doubling and joining
 * neighbours. Zeros aren't counted, since they lose nothing in 8 bits.
 */
export class Histogram {
  readonly #bins: number;
  #negative: Float64Array;
  #positive: Float64Array;
  #reach = SMALLEST_REACH;
  #low = 0;
  #high = 0;

  /** @param bins on each side; even */
  constructor(bins: number) {
    this.#bins = bins;
    this.#negative = new Float64Array(bins);
    this.#positive = new Float64Array(bins);
  }

  /** @param value a finite number */
  add(value: number): void {
    if (value === 0) return;
    if (value < this.#low) this.#low = value;
    if (value > this.#high) this.#high = value;
    const size = Math.abs(value);
    while (size >= this.#reach) this.#double();
    const bin = Math.floor((size / this.#reach) * this.#bins);
    const side = value < 0 ? this.#negative : this.#positive;
    side[bin] = (side[bin] as number) + 1;
  }

  /**
   * The range whose 256 levels have the least mean squared error: a narrower one than all values take has finer levels, and cuts off more.
   */
  bestRange(): Range {
    let best: Range = { low: this.#low, high: this.#high };
    let least = Number.POSITIVE_INFINITY;
    for (const share of SHARES) {
      const range = { low: share * this.#low, high: share * this.#high };
      const error = this.#squaredError(range);
      if (error < least) [best, least] = [range, error];
    }
    return best;
  }

  /** Within the range a value is anywhere between two levels; beyond it, its distance from the end is lost. */
  #squaredError({ low, high }: Range): number {
    const rounding = ((high - low) / STEPS) ** 2 / 12;
    return this.#sideError(this.#negative, -low, rounding) + this.#sideError(this.#positive, high, rounding);
  }

  #sideError(counts: Float64Array, end: number, rounding: number): number {
    let error = 0;
    for (let bin = 0; bin < this.#bins; bin++) {
      const beyond = ((bin + 0.5) / this.#bins) * this.#reach - end;
      error += (counts[bin] as number) * (beyond > 0 ? beyond ** 2 : rounding);
    }
    return error;
  }

  #double(): void {
    this.#reach *= 2;
    this.#negative = joinNeighbours(this.#negative);
    this.#positive = joinNeighbours(this.#positive);
  }
}

function joinNeighbours(counts: Float64Array): Float64Array {
  return counts.map((_, bin) => (counts[2 * bin] ?? 0) + (counts[2 * bin + 1] ?? 0));
}

/** The distance between neighbouring levels; 0 where nothing but zeros was met. */
export function stepOf({ low, high }: Range): number {
  return (high - low) / STEPS;
}
