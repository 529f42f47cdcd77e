import { EXIT } from '../errors.ts';
import type { Output } from './output.ts';

/**
 * A signal that SIGINT, SIGTERM or SIGHUP (a closed terminal) aborts, so that work can end in good order; a second one ends the process
 * at once.
 * @param ending what happens now, said to the person who interrupted
 */
export function interruptSignal(output: Output, ending: string): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
    output.info(`Interrupted: ${ending}; once more stops at once.`);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  return controller.signal;
}
