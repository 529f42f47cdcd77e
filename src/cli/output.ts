import { SingleBar } from 'cli-progress';
import { formatProgress, ProgressMeter } from './progress-meter.ts';

/** From most to least talkative. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where a command says things: results on stdout, everything about the work itself on stderr. */
export interface Output {
  /** Something a developer of pss wants to know; shown from `--log-level debug` on. */
  debug(line: string): void;
  /** What is going on; not with `--quiet`. */
  info(line: string): void;
  /** Something to look at although work goes on; shown even with `--quiet`. */
  warn(line: string): void;
  /** What the command was asked for, on stdout; always shown. */
  result(line: string): void;
  /**
   * Progress of one piece of work: a bar on a terminal, else a line every few seconds, nothing with `--quiet`.
   * @param total in `unit`s; leave out when unknown
   * @param unit plural; `bytes` come out as MB and GB
   * @param start where a resumed piece of work begins, so that the rate doesn't count it
   */
  progress(options: { title: string; total?: number; unit: string; start?: number }): Progress;
}

export interface Progress {
  /** @param done units since the very beginning @param note a few words on the state, e.g. `loss 0.4512` */
  update(done: number, note?: string): void;
  /** Ends the bar; may be called twice. */
  stop(): void;
}

/** The part of a writable stream that output needs. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Milliseconds between two lines of progress where there is no terminal. */
const LINE_INTERVAL_MS = 5000;
const CLEAR_LINE = '\r\u001b[K';

/**
 * @param options.stream for everything but results; default stderr
 * @param options.resultStream for results; default stdout
 * @param options.now clock in milliseconds, for tests
 */
export function createOutput(
  options: {
    quiet?: boolean;
    logLevel?: LogLevel;
    stream?: OutputStream;
    resultStream?: OutputStream;
    now?: () => number;
  } = {},
): Output {
  const {
    quiet = false,
    logLevel = 'info',
    stream = process.stderr,
    resultStream = process.stdout,
    now = () => performance.now(),
  } = options;
  const shows = (level: LogLevel) => LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(logLevel);
  let bars = 0;
  const writeLine = (target: OutputStream, line: string) => {
    // A bar stands on the terminal's current line: the new line takes its place, and the bar is drawn again below.
    target.write(`${bars > 0 && target.isTTY === true ? CLEAR_LINE : ''}${line}\n`);
  };
  return {
    debug: (line) => {
      if (shows('debug')) writeLine(stream, line);
    },
    info: (line) => {
      if (shows('info') && !quiet) writeLine(stream, line);
    },
    warn: (line) => {
      if (shows('warn')) writeLine(stream, `warning: ${line}`);
    },
    result: (line) => writeLine(resultStream, line),
    progress: ({ title, total, unit, start = 0 }) => {
      if (quiet || !shows('info')) return { update: () => {}, stop: () => {} };
      const meter = new ProgressMeter(total, start, now);
      const draw = (done: number, note: string) => formatProgress(title, unit, meter.read(done), note);
      if (stream.isTTY !== true) return lineProgress(draw, (line) => writeLine(stream, line), now);
      bars++;
      return barProgress(draw, stream, total, () => bars--);
    },
  };
}

type Draw = (done: number, note: string) => string;

function lineProgress(draw: Draw, write: (line: string) => void, now: () => number): Progress {
  let lastAt = now();
  let pending: string | undefined;
  return {
    update: (done, note = '') => {
      pending = draw(done, note);
      if (now() - lastAt < LINE_INTERVAL_MS) return;
      lastAt = now();
      write(pending);
      pending = undefined;
    },
    stop: () => {
      if (pending !== undefined) write(pending);
      pending = undefined;
    },
  };
}

function barProgress(
  draw: Draw,
  stream: OutputStream,
  total: number | undefined,
  ended: () => void,
): Progress {
  let text = '';
  const bar = new SingleBar({
    stream: stream as NodeJS.WriteStream,
    format: (options, { progress }) => {
      const size = Math.round(progress * BAR_WIDTH);
      const filled = options.barCompleteString?.slice(0, size) ?? '';
      const empty = options.barIncompleteString?.slice(0, BAR_WIDTH - size) ?? '';
      return total === undefined ? text : `${filled}${empty} ${text}`;
    },
    barsize: BAR_WIDTH,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    fps: 5,
    // Interrupts belong to the commands, which may have a checkpoint to write first.
    gracefulExit: false,
  });
  let open = true;
  bar.start(total ?? 1, 0);
  return {
    update: (done, note = '') => {
      if (!open) return;
      text = draw(done, note);
      bar.update(total === undefined ? 0 : Math.min(done, total));
    },
    stop: () => {
      if (!open) return;
      open = false;
      bar.stop();
      ended();
    },
  };
}

const BAR_WIDTH = 24;
