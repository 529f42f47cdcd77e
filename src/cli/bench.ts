import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import type { Addon, Isa } from '../addon/addon-types.ts';
import { loadAddon } from '../addon/load.ts';
import type { BenchRow } from '../bench/bench-row.ts';
import { benchCase, CASES, DEFAULT_CASES } from '../bench/cases.ts';
import { measurePeak, type Peak } from '../bench/gated-samples.ts';
import { gpuPeak } from '../bench/gpu-peak.ts';
import { benchStep } from '../bench/step.ts';
import { UsageError } from '../errors.ts';
import { registerEmbeddingBench } from './bench-embedding.ts';
import { expectSamples, expectWritable, writeJsonLines } from './bench-output.ts';
import { registerReaderBench } from './bench-reader.ts';
import { createOutput, type Output } from './output.ts';
import { collect, exampleHelp, rowCount, type SharedOptions, wholeNumber } from './shared-options.ts';

interface BenchOptions extends SharedOptions {
  readonly case: readonly string[];
  readonly memorySize?: number;
  readonly tableRows?: number;
  readonly gradient?: string;
  readonly precision?: Peak['precision'];
  readonly device: string;
  readonly isa?: keyof typeof ISAS;
  readonly set: readonly string[];
  readonly threads?: number;
  readonly samples: number;
  readonly json?: string;
}

/** Names on the command line, and the engine's. */
const ISAS = {
  avx512bf16: 'avx512bf16',
  avx512: 'avx512',
  avx2: 'avx2',
  ref: 'reference',
} as const satisfies Record<string, Isa>;

const BENCHES = [
  {
    name: 'step',
    description: 'Times whole training steps on synthetic rows',
    precisions: ['f32', 'bf16'],
    examples: [
      'pss bench step --case tb-2048 --precision bf16',
      'pss bench step --case tb-2048 --table-rows 2M --set embedding.kind=full --gradient sparse',
    ],
  },
  {
    name: 'inference',
    description: 'Times predictions on synthetic rows',
    precisions: ['f32', 'bf16', 'int8'],
    examples: ['pss bench inference --case tb-16384 --precision int8'],
  },
] as const;

/** `pss bench` */
export function registerBench(program: Command): void {
  const bench = program
    .command('bench')
    .summary('Time training steps and predictions against what this machine can do')
    .description(
      "Times the engine against this machine's roofline: the rate of multiply-adds in registers, measured in the same run. Samples taken while the machine was busy are rejected. A GPU's roofline is its clock, multiprocessors and published rates.",
    )
    .addHelpText('after', exampleHelp('pss bench step --case kaggle-2048'));
  for (const { name, description, precisions, examples } of BENCHES) {
    const defaults = DEFAULT_CASES[name];
    bench
      .command(name)
      .description(`${description}, split into parts.`)
      .option(
        '--case <name>',
        `${CASES.join(' | ')}; may be repeated (default: ${defaults.join(', ')})`,
        collect,
        [],
      )
      .option('--memory-size <floats>', '|M| in floats', wholeNumber(1))
      .option(
        '--table-rows <n>',
        'rows of all tables, as in 20M; large tables are scaled down to it',
        rowCount,
      )
      .addOption(new Option('--gradient <mode>', 'gradient of M').choices(['auto', 'dense', 'sparse']))
      .addOption(new Option('--precision <p>', 'of activations and products').choices(precisions))
      .option('--device <name>', 'cpu | cuda | cuda:N', 'cpu')
      .option('--set <key.path=value>', 'change the case in any other way; may be repeated', collect, [])
      .addOption(
        new Option('--isa <name>', 'instruction set (default: the best there is)').choices(Object.keys(ISAS)),
      )
      .option('--threads <n>', 'engine threads (default: all cores)', wholeNumber(1))
      .option('--samples <n>', 'accepted samples the median is taken of', wholeNumber(1), 15)
      .option('--json <file>', 'also write one JSON object a row to this file')
      .addHelpText('after', exampleHelp(...examples))
      .action((options: BenchOptions) => runBench(name, options));
  }
  registerEmbeddingBench(bench);
  registerReaderBench(bench);
}

async function runBench(name: 'step' | 'inference', options: BenchOptions): Promise<void> {
  const output = createOutput(options);
  const sets = [
    ...options.set,
    ...(options.gradient ? [`embedding.gradient=${options.gradient}`] : []),
    ...(options.precision && options.precision !== 'int8' ? [`precision=${options.precision}`] : []),
  ];
  const chosen = options.case.length > 0 ? options.case : DEFAULT_CASES[name];
  const cases = chosen.map((each) =>
    benchCase(each, { sets, memorySize: options.memorySize, tableRows: options.tableRows }),
  );
  expectWritable(options.json);
  const addon = loadAddon();
  if (options.isa) forceIsa(addon, options.isa);
  const precision = options.precision ?? cases[0]?.config.precision ?? 'f32';
  const peak = choosePeak(addon, options, precision, output);
  const rows: BenchRow[] = [];
  for (const benchmark of cases) {
    output.info(`${benchmark.name} ...`);
    const row = await benchStep(addon, name, benchmark, peak, options.samples);
    expectSamples(row);
    rows.push(row);
  }
  printRows(output, rows);
  if (options.json) writeJsonLines(options.json, rows);
}

/** Makes engines and probes of this process use an instruction set. @throws UsageError ERR_ISA when this CPU lacks it */
function forceIsa(addon: Addon, name: keyof typeof ISAS): void {
  process.env['PSS_ISA'] = ISAS[name];
  try {
    addon.machine();
  } catch (error) {
    throw new UsageError('ERR_ISA', (error as Error).message, { cause: error });
  }
}

/** What samples are held against. @throws UsageError ERR_USAGE for an unknown device, ERR_PRECISION for one that lacks int8 */
function choosePeak(addon: Addon, options: BenchOptions, precision: Peak['precision'], output: Output): Peak {
  const found = /^(?:cpu|cuda(?::(\d+))?)$/.exec(options.device);
  if (!found) {
    throw new UsageError('ERR_USAGE', `--device ${options.device} is unknown; use cpu, cuda or cuda:N.`);
  }
  if (options.device === 'cpu') {
    const peak = measurePeak(addon, options.threads ?? availableParallelism(), precision);
    output.info(
      `Peak: ${peak.gflops.toFixed(0)} GFLOP/s of ${peak.precision} multiply-adds on ${peak.threads} threads.`,
    );
    return peak;
  }
  if (precision === 'int8') {
    throw new UsageError(
      'ERR_PRECISION',
      'Precision int8 runs on the CPU alone; leave out --device, or give bf16.',
    );
  }
  const index = Number(found[1] ?? 0);
  const peak = gpuPeak(addon, index, precision);
  const { name } = addon.gpu(index);
  output.info(
    `Peak: ${peak.gflops.toFixed(0)} GFLOP/s of ${precision} matrix products, as published for ${name}.`,
  );
  return peak;
}

function printRows(output: Output, rows: readonly BenchRow[]): void {
  output.result(
    'case           |M|         ms/step   samples/s  peak GFLOP/s  roofline ms  of roofline  samples (rejected)',
  );
  for (const row of rows) {
    output.result(
      [
        row.case.padEnd(14),
        String(row.memorySize).padEnd(11),
        row.medianMs.toFixed(3).padStart(7),
        row.samplesPerSecond.toFixed(0).padStart(11),
        row.peak.toFixed(0).padStart(13),
        row.rooflineMs.toFixed(3).padStart(12),
        `${(row.rooflineFraction * 100).toFixed(1)}%`.padStart(12),
        `${row.samples} (${row.rejected})`.padStart(19),
      ].join(' '),
    );
    for (const [part, milliseconds] of Object.entries(row.parts)) {
      output.result(`  ${part.padEnd(24)} ${milliseconds.toFixed(3).padStart(8)}`);
    }
  }
}
