import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import type { RunEvent } from './events.ts';

export const RUN_LOG_NAME = 'run.jsonl';

/** Appends events to a run's run.jsonl; each line is in the file when `write` returns. */
export class RunLog {
  readonly #destination: ReturnType<typeof pino.destination>;
  readonly #logger: pino.Logger;

  /** Opens the log of a run directory, which must exist; a line cut off by a crash is removed first. */
  constructor(runDir: string) {
    const path = join(runDir, RUN_LOG_NAME);
    if (existsSync(path)) dropUnfinishedLine(path);
    this.#destination = pino.destination({ dest: path, append: true, sync: true });
    this.#logger = pino(
      {
        base: null,
        // Without a level the time is a line's first field, so no comma stands before it.
        timestamp: () => `"time":"${new Date().toISOString()}"`,
        formatters: { level: () => ({}) },
      },
      this.#destination,
    );
  }

  write(event: RunEvent): void {
    this.#logger.info(event);
  }

  close(): void {
    this.#destination.flushSync();
    this.#destination.end();
  }
}

/** Cuts the file after its last newline. */
function dropUnfinishedLine(path: string): void {
  const file = openSync(path, 'r+');
  try {
    const chunk = Buffer.alloc(65_536);
    let end = fstatSync(file).size;
    while (end > 0) {
      const start = Math.max(0, end - chunk.length);
      const read = readSync(file, chunk, 0, end - start, start);
      const newline = chunk.subarray(0, read).lastIndexOf(0x0a);
      if (newline >= 0) {
        ftruncateSync(file, start + newline + 1);
        return;
      }
      end = start;
    }
    ftruncateSync(file, 0);
  } finally {
    closeSync(file);
  }
}
