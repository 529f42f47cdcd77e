import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PSS_ARGS } from './run-pss.ts';

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** A `pss` that is still running. */
export interface RunningPss {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
}

/** Starts the command line from its TypeScript sources, without waiting for its end. */
export function startPss(args: readonly string[], cwd: string): RunningPss {
  const child = spawn(process.execPath, [...PSS_ARGS, ...args], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Ending>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
  return { child, ended };
}

/** Sends a signal once the run's log has at least so many lines; does nothing when the process ends before. */
export async function signalAfterLines(
  running: RunningPss,
  signal: NodeJS.Signals,
  runDir: string,
  lines: number,
): Promise<Ending> {
  const log = join(runDir, 'run.jsonl');
  const timer = setInterval(() => {
    if (!existsSync(log) || readFileSync(log, 'utf8').split('\n').length <= lines) return;
    clearInterval(timer);
    running.child.kill(signal);
  }, 2);
  const ending = await running.ended;
  clearInterval(timer);
  return ending;
}
