import type { Command } from 'commander';
import { writeReport } from '../report/write-report.ts';
import { createOutput } from './output.ts';
import { exampleHelp, type SharedOptions } from './shared-options.ts';

interface ReportOptions extends SharedOptions {
  readonly out: string;
}

/** `pss report` */
export function registerReport(program: Command): void {
  program
    .command('report')
    .summary('Turn runs, sweeps and benchmarks into one web page')
    .description(
      'Draws runs into one HTML page that needs nothing else: AUC and loss against samples and time, what size costs and wins, time of a step by part, and where configurations differ. Readable on a phone and in the dark; each figure can be saved as SVG or PNG.',
    )
    .argument('<runs...>', 'directories of runs, folders of sweeps, files written by pss bench --json')
    .requiredOption('--out <file>', 'the page; an older one is replaced')
    .addHelpText(
      'after',
      exampleHelp(
        'pss report runs/smoke-20260101-120000 --out report.html',
        'pss report sweeps/table-3-synthetic step.jsonl --out report.html',
      ),
    )
    .action(runReport);
}

async function runReport(paths: string[], options: ReportOptions): Promise<void> {
  const output = createOutput(options);
  const { runs, benches } = await writeReport(paths, options.out);
  const counts = [
    ...(runs.length > 0 ? [`${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`] : []),
    ...(benches.length > 0
      ? [`${benches.length} ${benches.length === 1 ? 'measurement' : 'measurements'}`]
      : []),
  ];
  output.result(`${options.out}: ${counts.join(' and ')}`);
}
