import type { EngineFactory } from './engine-factory.ts';
import { nativeEngines } from './engine-factory.ts';
import { type Reporter, SILENT } from './reporter.ts';

/** What a piece of work is given besides what to do; everything has a default. */
export interface Surroundings {
  /** Told what goes on; default nobody. */
  readonly reporter?: Reporter | undefined;
  /** Ends the work in good order when aborted; default never. */
  readonly signal?: AbortSignal | undefined;
  /** What compiles models; default the native addon. */
  readonly engines?: EngineFactory | undefined;
}

/** Fills in the defaults. */
export function completeSurroundings(given: Surroundings) {
  const { reporter = SILENT, signal = new AbortController().signal, engines = nativeEngines() } = given;
  return { reporter, signal, engines };
}
