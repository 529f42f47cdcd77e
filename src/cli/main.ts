#!/usr/bin/env node
import { Command, CommanderError, Help, type Option } from 'commander';
import { EXIT, fileProblem, PssError } from '../errors.ts';
import { PSS_VERSION } from '../version.ts';
import { COMMANDS } from './commands.ts';
import { addSharedOptions, exampleHelp } from './shared-options.ts';

/**
 * Runs the command line.
 * @param args without the program's name
 * @returns the exit code
 */
async function main(args: readonly string[]): Promise<number> {
  try {
    const program = await buildProgram(args);
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    process.stderr.write(`pss: ${describe(error, wantsStack(args))}\n`);
    return error instanceof PssError ? error.exitCode : EXIT.failed;
  }
}

/** The program with the command that `args` call in full and the others by name only, which keeps start-up short. */
async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('pss')
    .description('Trains click-through-rate models whose embedding tables are compressed up to 10,000 times.')
    .version(PSS_VERSION)
    .exitOverride()
    .showHelpAfterError('(--help shows what is possible)')
    .configureHelp({ optionDescription: describeOption })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'pss: ')) })
    .addHelpText('after', exampleHelp('pss doctor'));
  const called = args[0] === 'help' ? args[1] : args.find((arg) => !arg.startsWith('-'));
  for (const { name, summary, load } of COMMANDS) {
    if (name === called) (await load())(program);
    else program.command(name).summary(summary).description(summary);
  }
  for (const command of program.commands) addSharedOptions(command);
  return program;
}

/** Commander's own text, but for defaults that say nothing: false and the empty list. */
function describeOption(option: Option): string {
  const { defaultValue } = option;
  const empty = defaultValue === false || (Array.isArray(defaultValue) && defaultValue.length === 0);
  return empty ? option.description : new Help().optionDescription(option);
}

/** One sentence for a person; the stack too where it is asked for. */
function describe(error: unknown, stack: boolean): string {
  if (stack && error instanceof Error) return `${error.message}\n${error.stack}${causes(error)}`;
  if (error instanceof PssError) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC')
    return `No space left on the disk${path ? ` of ${path}` : ''}; free some and try again.`;
  if (syscall && path) return `Cannot use ${path}: ${fileProblem(error)}; give another path.`;
  return `${message.replace(/\.$/, '')}; this wasn't expected, --log-level debug shows where it comes from.`;
}

function causes(error: Error): string {
  return error.cause instanceof Error ? `\ncaused by ${error.cause.stack}${causes(error.cause)}` : '';
}

function wantsStack(args: readonly string[]): boolean {
  const at = args.lastIndexOf('--log-level');
  const level = at >= 0 ? args[at + 1] : args.find((arg) => arg.startsWith('--log-level='))?.slice(12);
  return level === 'debug' || level === 'trace';
}

/** A reader that has seen enough (`pss … | head`) closes the pipe, and a terminal may go away; the work itself goes on. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
}

process.stdout.on('error', ignoreClosedPipe);
process.stderr.on('error', ignoreClosedPipe);
const exitCode = await main(process.argv.slice(2));
if (exitCode === EXIT.done) process.exitCode = exitCode;
// A failed command may leave an engine or a reader behind, which would keep the process alive.
else process.exit(exitCode);
