import { spawnSync } from 'node:child_process';
import { root } from './staleness.mjs';

/** Something a person has to mend; printed as one sentence. */
export class SetupError extends Error {}

/** Lines of a failed command's output that are shown; the cause is nearly always at the end. */
const SHOWN_LINES = 60;

/** Says one line about the set-up, away from results. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Runs a command in the root folder, silently unless it fails.
 * @throws SetupError with the end of its output and `advice`
 */
export function run(command, args, { advice, env = {} }) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  if (result.status === 0) return;
  const lines = `${result.stdout ?? ''}${result.stderr ?? ''}`.trimEnd().split('\n');
  const shown = lines.slice(-SHOWN_LINES).join('\n');
  const how = result.error
    ? `can't be started (${result.error.message})`
    : result.signal
      ? `was stopped by ${result.signal}`
      : `failed with exit code ${result.status}`;
  throw new SetupError(`${shown}\n\n"${[command, ...args].join(' ')}" ${how}; ${advice}.`);
}

/** Runs the main function of a script and turns a SetupError into its sentence and exit code 1. */
export async function runScript(script) {
  try {
    process.exitCode = (await script()) ?? 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
