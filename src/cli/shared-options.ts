import { type Command, InvalidArgumentError, Option } from 'commander';
import { LOG_LEVELS, type LogLevel } from './output.ts';

/** Options that every command has; `main` adds them. */
export interface SharedOptions {
  readonly logLevel: LogLevel;
  readonly quiet: boolean;
}

/** Adds the options of `SharedOptions` to a command and the commands below it. */
export function addSharedOptions(command: Command): void {
  if (command.commands.length > 0) {
    for (const child of command.commands) addSharedOptions(child);
    return;
  }
  command
    .addOption(new Option('--log-level <level>', 'how much to say').choices(LOG_LEVELS).default('info'))
    .option('--quiet', 'no progress: only warnings, errors and results', false);
}

/** The text a command's help ends with: how to call it, so that it works when pasted. */
export function exampleHelp(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

/** Argument parser of an option that takes a whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${minimum}.`);
    }
    return value;
  };
}

/** Argument parser of an option that takes a number of rows, as in 16000 or 20M. */
export function rowCount(text: string): number {
  const value = Number(text.replace(/M$/i, '')) * (/M$/i.test(text) ? 1e6 : 1);
  if (!/^\d+(\.\d+)?M?$/i.test(text) || !Number.isInteger(value) || value < 1 || value > 2 ** 32) {
    throw new InvalidArgumentError('It must be a whole number up to 2³², as in 16000 or 4M.');
  }
  return value;
}

/** Argument parser of an option that takes a number, whose range the command itself knows. */
export function anyNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

/** Argument parser of an option that takes numbers with commas between them. */
export function numberList(text: string): number[] {
  return text.split(',').map(anyNumber);
}

/** Argument parser of an option that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}
