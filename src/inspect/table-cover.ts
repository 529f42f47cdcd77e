const BITS = 32;

/** Which floats of M the chunks of each table cover: a bit a table where a chunk starts, four bytes a float for every 32 tables. */
export class TableCover {
  private readonly floats: number;
  private readonly numTables: number;
  private readonly words: number;
  private readonly whole: number;
  private readonly short: number;
  /** Starts of whole chunks [|M|, words], and of each embedding's last one where that is shorter. */
  private readonly wholeStarts: Uint32Array;
  private readonly shortStarts: Uint32Array;

  /**
   * @param floats |M|
   * @param whole floats of a chunk
   * @param short floats of an embedding's last chunk where it is shorter, else 0
   */
  constructor(floats: number, numTables: number, whole: number, short: number) {
    this.floats = floats;
    this.numTables = numTables;
    this.words = Math.ceil(numTables / BITS);
    this.whole = whole;
    this.short = short === whole ? 0 : short;
    this.wholeStarts = new Uint32Array(floats * this.words);
    this.shortStarts = new Uint32Array(this.short > 0 ? floats * this.words : 0);
  }

  /** A chunk of a table, floats [begin, end). */
  mark(table: number, begin: number, end: number): void {
    const starts = end - begin === this.whole ? this.wholeStarts : this.shortStarts;
    const at = begin * this.words + Math.floor(table / BITS);
    starts[at] = (starts[at] as number) | (1 << (table % BITS));
  }

  /** Floats under at least one chunk, of each table. */
  occupied(): Float64Array {
    const counts = new Float64Array(this.numTables);
    const ends = new Float64Array(this.numTables);
    const cover = (starts: Uint32Array, at: number, begin: number, length: number) => {
      for (let word = 0; word < this.words; word++) {
        for (let bits = starts[at + word] ?? 0; bits !== 0; bits &= bits - 1) {
          const table = word * BITS + 31 - Math.clz32(bits & -bits);
          const from = Math.max(begin, ends[table] as number);
          const end = Math.max(from, begin + length);
          counts[table] = (counts[table] as number) + (end - from);
          ends[table] = end;
        }
      }
    };
    for (let f = 0; f < this.floats; f++) {
      cover(this.wholeStarts, f * this.words, f, this.whole);
      if (this.short > 0) cover(this.shortStarts, f * this.words, f, this.short);
    }
    return counts;
  }
}
