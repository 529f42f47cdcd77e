import { Session } from 'node:inspector/promises';

/** Which places of the program have run how often, as V8 counts them: what makes an input interesting. */
export class Coverage {
  readonly #session = new Session();
  readonly #scripts: RegExp;
  readonly #seen = new Set<string>();

  /** @param scripts of which files places count, by address */
  constructor(scripts: RegExp) {
    this.#scripts = scripts;
  }

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Places found so far; the same place counts again where it ran twice, four times, eight times, … as often. */
  get size(): number {
    return this.#seen.size;
  }

  /** Takes what has run since the last call. @returns whether some of it is new */
  async take(): Promise<boolean> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    const before = this.#seen.size;
    for (const script of result) {
      if (!this.#scripts.test(script.url)) continue;
      for (const { ranges } of script.functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count === 0) continue;
          this.#seen.add(`${script.scriptId}:${startOffset}:${endOffset}:${Math.floor(Math.log2(count))}`);
        }
      }
    }
    return this.#seen.size > before;
  }
}
