import type { Command } from 'commander';
import { EXIT } from '../errors.ts';
import { type Check, examineMachine } from './machine.ts';
import { createOutput } from './output.ts';
import { exampleHelp, type SharedOptions } from './shared-options.ts';

/** `pss doctor` */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('Say what this machine offers, and why something is off')
    .description(
      'Says what this machine offers to pss, and for everything that is off why, and what to do about it. Exits with 1 when something must be mended first.',
    )
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', exampleHelp('pss doctor'))
    .action((options: SharedOptions & { json: boolean }) => {
      const output = createOutput(options);
      const checks = examineMachine();
      if (options.json) output.result(JSON.stringify(Object.fromEntries(checks.map(toJson)), null, 2));
      else for (const check of checks) output.result(formatCheck(check));
      if (checks.some(({ state }) => state === 'broken')) process.exitCode = EXIT.failed;
    });
}

const MARKS = { on: 'ok ', off: 'off', broken: '!! ' } as const;
const NAME_WIDTH = 12;

function formatCheck({ state, name, value, advice }: Check): string {
  const line = `${MARKS[state]} ${name.padEnd(NAME_WIDTH)} ${value}`;
  return advice === undefined ? line : `${line}\n${' '.repeat(NAME_WIDTH + 5)}${advice}`;
}

function toJson({ key, state, value, advice, facts }: Check): [string, object] {
  return [key, { state, value, ...(advice === undefined ? {} : { advice }), ...facts }];
}
