const MAX_RANGES = 64;

/** Largest over mean load of the ranges of M, by known ids and by their occurrences. */
export interface Imbalance {
  readonly ids: number;
  readonly lookups: number;
}

/** Floats that lookups read in each of some equal ranges of M, by table. */
export class RangeLoads {
  /** Ranges. */
  readonly ranges: number;
  private readonly floats: number;
  private readonly numTables: number;
  /** [tables, ranges] */
  private readonly ids: Float64Array;
  /** The same, each id by its occurrences. */
  private readonly lookups: Float64Array;

  /** @param floats |M| */
  constructor(floats: number, numTables: number) {
    this.floats = floats;
    this.numTables = numTables;
    this.ranges = Math.min(MAX_RANGES, floats);
    this.ids = new Float64Array(numTables * this.ranges);
    this.lookups = new Float64Array(numTables * this.ranges);
  }

  /** Floats [begin, end), read by one id that occurs `count` times. */
  add(table: number, begin: number, end: number, count: number): void {
    // The last range that starts at or before `begin`.
    let range = Math.ceil(((begin + 1) * this.ranges) / this.floats) - 1;
    for (let from = begin; from < end; range++) {
      const to = Math.min(end, this.startOf(range + 1));
      const at = table * this.ranges + range;
      this.ids[at] = (this.ids[at] as number) + (to - from);
      this.lookups[at] = (this.lookups[at] as number) + count * (to - from);
      from = to;
    }
  }

  /** Of one table's ids. */
  imbalanceOf(table: number): Imbalance {
    const own = (loads: Float64Array) => this.peak((range) => loads[table * this.ranges + range] as number);
    return { ids: own(this.ids), lookups: own(this.lookups) };
  }

  /** Of all ids. */
  imbalance(): Imbalance {
    const all = (loads: Float64Array) =>
      this.peak((range) => {
        let sum = 0;
        for (let t = 0; t < this.numTables; t++) sum += loads[t * this.ranges + range] as number;
        return sum;
      });
    return { ids: all(this.ids), lookups: all(this.lookups) };
  }

  private startOf(range: number): number {
    return Math.floor((range * this.floats) / this.ranges);
  }

  /** The largest load a float of a range over the mean one; 1 where nothing is read. */
  private peak(loadOf: (range: number) => number): number {
    let [total, densest] = [0, 0];
    for (let range = 0; range < this.ranges; range++) {
      const load = loadOf(range);
      total += load;
      densest = Math.max(densest, load / (this.startOf(range + 1) - this.startOf(range)));
    }
    return total === 0 ? 1 : densest / (total / this.floats);
  }
}
