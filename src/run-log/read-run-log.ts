import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileProblem, PssError } from '../errors.ts';
import type { EvalEvent, RunEndEvent, RunEvent, RunStartEvent, StepEvent } from './events.ts';
import { RUN_LOG_NAME } from './run-log.ts';

/** An event as its line tells it, with when it was written. */
export type Timed<E> = E & { readonly time: string };

/** What a run's log says, attempts that were cut off left out. */
export interface RunHistory {
  readonly start: Timed<RunStartEvent>;
  readonly steps: readonly Timed<StepEvent>[];
  readonly evaluations: readonly Timed<EvalEvent>[];
  /** Undefined while the run is under way, or when its process was killed. */
  readonly end: Timed<RunEndEvent> | undefined;
}

/**
 * Reads a run's run.jsonl.
 * @throws PssError ERR_RUN_LOG when there is none, or a line in it isn't an event
 */
export async function readRunLog(runDir: string): Promise<RunHistory> {
  const path = join(runDir, RUN_LOG_NAME);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new PssError(
      'ERR_RUN_LOG',
      `${runDir} holds no run (${RUN_LOG_NAME} can't be read: ${fileProblem(cause)}); give the directory of one.`,
      { cause },
    );
  });
  // A line cut off by a crash has no newline yet.
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
  return collect(
    path,
    lines.map((line, i) => parseEvent(line, `${path}:${i + 1}`)),
  );
}

function parseEvent(line: string, place: string): Timed<RunEvent> {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event === 'object' && event !== null && 'event' in event) return event as Timed<RunEvent>;
  } catch {
    // Told below, like JSON that is no event.
  }
  throw new PssError('ERR_RUN_LOG', `${place}: this line isn't an event of a run log; restore the file.`);
}

function collect(path: string, events: readonly Timed<RunEvent>[]): RunHistory {
  let start: Timed<RunStartEvent> | undefined;
  let steps: Timed<StepEvent>[] = [];
  let evaluations: Timed<EvalEvent>[] = [];
  let end: Timed<RunEndEvent> | undefined;
  for (const event of events) {
    switch (event.event) {
      case 'run_start': {
        // Later steps logged before a resumption belong to the attempt that was cut off.
        const from = event.resumedFromStep ?? 0;
        steps = steps.filter(({ step }) => step <= from);
        evaluations = evaluations.filter(({ step }) => step <= from);
        start ??= event;
        end = undefined;
        break;
      }
      case 'step':
        steps.push(event);
        break;
      case 'eval':
        evaluations.push(event);
        break;
      case 'run_end':
        end = event;
        break;
    }
  }
  if (!start) throw new PssError('ERR_RUN_LOG', `${path} has no run_start event; restore the file.`);
  return { start, steps, evaluations, end };
}
