import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { EXIT } from '../errors.ts';
import { drawSvg } from '../plot/render-plot.ts';
import {
  compressionCells,
  listCells,
  toCsv,
  toJsonLines,
  toMarkdown,
  toText,
} from '../sweep/format-table.ts';
import { loadSweep, type SweepPlan } from '../sweep/plan-sweep.ts';
import { qualityPlot } from '../sweep/quality-plot.ts';
import { runSweep, writeSweepFile } from '../sweep/run-sweep.ts';
import { storeTable } from '../sweep/stored-table.ts';
import { buildTable, type SweepOutcome } from '../sweep/sweep-table.ts';
import { readTimes, storeTimes, timeRuns } from '../sweep/time-runs.ts';
import { interruptSignal } from './interrupt.ts';
import { createOutput, type Output } from './output.ts';
import { collect, exampleHelp, type SharedOptions, wholeNumber } from './shared-options.ts';

interface SweepCommandOptions extends SharedOptions {
  readonly config: string;
  readonly set: string[];
  readonly out?: string;
  readonly jobs: number;
  readonly timeSteps?: number;
  readonly target?: number;
  readonly dryRun: boolean;
}

/** `pss sweep` */
export function registerSweep(program: Command): void {
  program
    .command('sweep')
    .summary('Train a model in many variants and compare them in one table')
    .description(
      'Trains a configuration along the axes of its group "sweep" and writes one table: best AUC, epochs to the target (A), seconds for 1000 iterations (B), and A·B relative to the original. Called again, it goes on where it was stopped, in the middle of a run too.',
    )
    .requiredOption('--config <file>', 'YAML configuration with a group "sweep"')
    .option('--set <key.path=value>', 'change one key in all runs (repeatable)', collect, [])
    .option('--out <dir>', 'folder of the sweep (default: sweeps/NAME)')
    .option('--jobs <n>', 'runs at a time; the cores are shared out among them', wholeNumber(1), 1)
    .option(
      '--time-steps <n>',
      'measure B afterwards, on its own, over n steps of each variant, in rounds (leave the machine alone meanwhile)',
      wholeNumber(100),
    )
    .option('--target <auc>', 'count epochs to this AUC instead; finished runs need nothing anew', targetAuc)
    .option('--dry-run', 'list the runs and do nothing', false)
    .addHelpText(
      'after',
      exampleHelp(
        'pss sweep --config configs/paper/table-3-synthetic.yaml --dry-run',
        'pss report sweeps/table-3-synthetic --out report.html',
      ),
    )
    .action(runSweepCommand);
}

async function runSweepCommand(options: SweepCommandOptions): Promise<void> {
  const output = createOutput(options);
  const file = loadSweep(options.config, options.set);
  const plan: SweepPlan = { ...file, target: options.target ?? file.target };
  const folder = options.out ?? join('sweeps', plan.name);
  if (options.dryRun) {
    for (const { name } of plan.runs) output.result(name);
    output.result(`${plan.runs.length} runs, in ${folder}`);
    return;
  }
  const signal = interruptSignal(output, 'finishing the step and writing a checkpoint');
  const outcomes = await runSweep(plan, { folder, jobs: options.jobs, reporter: output, signal });
  if (outcomes && options.timeSteps !== undefined) {
    await storeTimes(folder, await timeRuns(plan, options.timeSteps, output, signal));
  }
  if (!outcomes || signal.aborted) {
    output.result('Interrupted; the same command goes on from here.');
    process.exitCode = EXIT.interrupted;
    return;
  }
  const measured = await readTimes(folder);
  const complete = outcomes.map((outcome) => ({
    ...outcome,
    measuredSecondsPer1000: measured.get(outcome.run.name),
  }));
  await report(plan, complete, folder, output);
  if (complete.some(({ result }) => result === null)) process.exitCode = EXIT.failed;
}

function targetAuc(text: string): number {
  const value = Number(text);
  if (value > 0.5 && value < 1) return value;
  throw new InvalidArgumentError('It must be a number between 0.5 and 1.');
}

async function report(
  plan: SweepPlan,
  outcomes: readonly SweepOutcome[],
  folder: string,
  output: Output,
): Promise<void> {
  const rows = buildTable(plan, outcomes);
  const list = listCells(plan, rows);
  const tables = [compressionCells(plan, rows), list].flatMap((cells) => (cells ? [toMarkdown(cells)] : []));
  await writeSweepFile(folder, 'table.md', tables.join('\n'));
  await storeTable(folder, { name: plan.name, axes: plan.axes, rows });
  await writeSweepFile(folder, 'table.csv', toCsv(plan, rows));
  await writeSweepFile(folder, 'runs.jsonl', toJsonLines(outcomes));
  const plot = qualityPlot(rows, plan.name);
  if (plot) await writeSweepFile(folder, 'quality.svg', `${await drawSvg(plot)}\n`);
  for (const line of toText(list)) output.result(line);
  output.result(`Tables and runs are in ${folder}`);
}
