import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import type { Addon } from '../addon/addon-types.ts';
import { loadAddon } from '../addon/load.ts';
import type { BenchRow } from '../bench/bench-row.ts';
import { benchCase, INFERENCE_CASES, STEP_CASES } from '../bench/cases.ts';
import { measurePeak, type Peak } from '../bench/gated-samples.ts';
import { gpuPeak } from '../bench/gpu-peak.ts';
import { benchStep } from '../bench/step.ts';
import { UsageError } from '../errors.ts';
import { registerEmbeddingBench } from './bench-embedding.ts';
import { expectSamples, expectWritable, writeJsonLines } from './bench-output.ts';
import { registerReaderBench } from './bench-reader.ts';
import { createOutput, type Output } from './output.ts';
import { collect, exampleHelp, type SharedOptions, wholeNumber } from './shared-options.ts';

interface BenchOptions extends SharedOptions {
  readonly case: readonly string[];
  readonly memorySize?: number;
  readonly gradient?: string;
  readonly precision?: string;
  readonly device: string;
  readonly set: readonly string[];
  readonly threads?: number;
  readonly samples: number;
  readonly json?: string;
}

const BENCHES = [
  { name: 'step', cases: STEP_CASES, description: 'Times whole training steps on synthetic rows' },
  { name: 'inference', cases: INFERENCE_CASES, description: 'Times predictions on synthetic rows' },
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
  for (const { name, cases, description } of BENCHES) {
    bench
      .command(name)
      .description(`${description}, split into parts.`)
      .option('--case <name>', `${cases.join(' | ')}; may be repeated (default: all)`, collect, [])
      .option('--memory-size <floats>', '|M| in floats', wholeNumber(1))
      .addOption(new Option('--gradient <mode>', 'gradient of M').choices(['auto', 'dense', 'sparse']))
      .addOption(new Option('--precision <p>', 'of activations and products').choices(['f32', 'bf16']))
      .option('--device <name>', 'cpu | cuda | cuda:N', 'cpu')
      .option('--set <key.path=value>', 'change the case in any other way; may be repeated', collect, [])
      .option('--threads <n>', 'engine threads (default: all cores)', wholeNumber(1))
      .option('--samples <n>', 'accepted samples the median is taken of', wholeNumber(1), 15)
      .option('--json <file>', 'also write one JSON object a row to this file')
      .addHelpText('after', exampleHelp(`pss bench ${name} --case ${cases[0]}`))
      .action((options: BenchOptions) => runBench(name, cases, options));
  }
  registerEmbeddingBench(bench);
  registerReaderBench(bench);
}

async function runBench(
  name: 'step' | 'inference',
  known: readonly string[],
  options: BenchOptions,
): Promise<void> {
  const output = createOutput(options);
  const sets = [
    ...options.set,
    ...(options.gradient ? [`embedding.gradient=${options.gradient}`] : []),
    ...(options.precision ? [`precision=${options.precision}`] : []),
  ];
  const chosen = options.case.length > 0 ? options.case : known;
  const cases = chosen.map((each) =>
    benchCase(each, known, { sets, ...(options.memorySize && { memorySize: options.memorySize }) }),
  );
  expectWritable(options.json);
  const addon = loadAddon();
  const peak = choosePeak(addon, options, cases[0]?.config.precision ?? 'f32', output);
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

/** What samples are held against. @throws UsageError ERR_USAGE for an unknown device */
function choosePeak(addon: Addon, options: BenchOptions, precision: 'f32' | 'bf16', output: Output): Peak {
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
