/** The seed of this process's random test data: `PSS_TEST_SEED`, or the one given; printed so that a failure can be repeated. */
export function testSeed(fallback: number): number {
  const seed = Number(process.env['PSS_TEST_SEED'] ?? fallback);
  process.stdout.write(`seed ${seed} (PSS_TEST_SEED overrides it)\n`);
  return seed;
}

/** Reproducible random values (a Weyl sequence through a 32-bit mixer). */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number in [0, 2³²). */
  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * limit);
  }

  /** `length` float32 values in [-1, 1). */
  floats(length: number): Float32Array {
    return Float32Array.from({ length }, () => this.uint32() / 2 ** 31 - 1);
  }

  /** Row-major ids [rows, tables.length], id t below tables[t]; the first table has one hot id in two rows of three. */
  ids(rows: number, tables: readonly number[]): Uint32Array {
    return Uint32Array.from({ length: rows * tables.length }, (_, i) => {
      const table = i % tables.length;
      return table === 0 && this.below(3) > 0 ? 0 : this.below(tables[table] as number);
    });
  }
}
