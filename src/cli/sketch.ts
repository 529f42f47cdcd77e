import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { loadAddon } from '../addon/load.ts';
import { UsageError } from '../errors.ts';
import { checkPlotFile, writePlot } from '../plot/render-plot.ts';
import { METHODS, parseMethod } from '../theory/methods.ts';
import { type MicroErrors, mostImportant } from '../theory/micro-error.ts';
import { type SketchReport, type SketchResult, sketchTable } from '../theory/sketch.ts';
import { seriesName, sketchPlot } from '../theory/sketch-plot.ts';
import { TableFile } from '../theory/table.ts';
import { modelFile } from '../train/trained-model.ts';
import { createOutput, type Progress } from './output.ts';
import { anyNumber, exampleHelp, numberList, type SharedOptions, wholeNumber } from './shared-options.ts';
import { formatTable } from './text-table.ts';

interface SketchOptions extends SharedOptions {
  readonly tensor?: string;
  readonly method: readonly string[];
  readonly compression?: readonly number[];
  readonly memorySize?: readonly number[];
  readonly seed: number;
  readonly delta: number;
  readonly threads: number;
  readonly plot?: string;
  readonly json: boolean;
}

const DEFAULT_COMPRESSIONS = [10, 100, 1000];

/** Adds `pss sketch`. */
export function registerSketch(program: Command): void {
  program
    .command('sketch')
    .summary('Compress a trained table with every method and measure what is lost')
    .description(
      'Compresses a trained embedding table E, any two-dimensional tensor of floats in a safetensors file, and measures the macro error (inner products of Ex and Ey) and the micro error (inner products of single rows with x, by the importance |E[i]|/σ of the row), beside what Theorems 4, 6 and 7 promise.',
    )
    .argument('<file>', "safetensors file, or a run's folder, whose newest checkpoint is taken")
    .option('--tensor <name>', 'which table of the file, e.g. embedding.2.weight')
    .option(
      '--method <names>',
      `${METHODS.join(', ')} (default: all that can have the sizes); sparse:8 has 8 non-zeros, robe:8 chunks of 8, memories:4 four of them`,
      nameList,
    )
    .option(
      '--compression <list>',
      `times smaller than the table (default: ${DEFAULT_COMPRESSIONS.join(',')})`,
      numberList,
    )
    .option('--memory-size <list>', '|M| in floats, instead of --compression', numberList)
    .option('--seed <n>', 'of the hashes and of the random x and y', wholeNumber(0), 1)
    .option('--delta <p>', 'probability with which the bounds may fail', anyNumber, 0.01)
    .option('--threads <n>', 'engine threads (default: all cores)', wholeNumber(1), availableParallelism())
    .option('--plot <file>', 'draw error against memory, as .svg, .png or .html')
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      exampleHelp('pss sketch runs/NAME-TIMESTAMP --tensor embedding.2.weight --plot sketch.svg'),
    )
    .action(runSketch);
}

async function runSketch(path: string, options: SketchOptions): Promise<void> {
  const output = createOutput(options);
  const { plot, seed, delta, threads } = options;
  checkOptions(options);
  const file = await modelFile(path, output.warn);
  const table = await TableFile.open(file, options.tensor);
  let progress: Progress | undefined;
  try {
    const memorySizes = sizesInFloats(options, table);
    const methods = options.method ?? possibleMethods(table, memorySizes);
    const report = await sketchTable(
      loadAddon(),
      { table, methods, memorySizes, seed, delta, threads },
      (done, total, note) => {
        progress ??= output.progress({ title: 'Sketching', total, unit: 'sketches' });
        progress.update(done, note);
      },
    );
    progress?.stop();
    const named = { file, tensor: table.tensor, dtype: table.dtype, ...report };
    output.result(options.json ? JSON.stringify(named) : describe(table, report));
    if (plot !== undefined) {
      await writePlot(
        plot,
        sketchPlot(report, `${table.tensor}, ${table.rows} × ${table.dim}`),
        table.tensor,
      );
      output.info(`The plot is in ${plot}`);
    }
  } finally {
    progress?.stop();
    await table.close();
  }
}

function checkOptions({ plot, delta, compression, memorySize }: SketchOptions): void {
  if (plot !== undefined) {
    checkPlotFile(plot);
    if (!existsSync(dirname(plot))) {
      throw new UsageError('ERR_PLOT', `The folder of ${plot} doesn't exist; make it or give another file.`);
    }
  }
  if (!(delta > 0 && delta < 1)) {
    throw new UsageError('ERR_USAGE', `--delta is ${delta}; it must be a probability above 0 and below 1.`);
  }
  if (compression && memorySize) {
    throw new UsageError(
      'ERR_USAGE',
      '--compression and --memory-size say the same thing; give one of them.',
    );
  }
}

function sizesInFloats({ compression, memorySize }: SketchOptions, { rows, dim }: TableFile): number[] {
  const sizes =
    memorySize ??
    (compression ?? DEFAULT_COMPRESSIONS.filter((times) => times <= rows)).map((times) =>
      Math.floor((rows * dim) / times),
    );
  for (const size of sizes) {
    if (Number.isInteger(size) && size >= 1) continue;
    throw new UsageError(
      'ERR_USAGE',
      memorySize
        ? `--memory-size has ${size}; it must be whole numbers of at least 1.`
        : `--compression leaves ${size} of the table's ${rows * dim} floats; give smaller numbers of at least 1.`,
    );
  }
  return [...sizes];
}

/** All methods that can have every size, and whose vectors can be halved where they need to be. */
function possibleMethods({ dim }: TableFile, memorySizes: readonly number[]): string[] {
  return METHODS.filter((name) => {
    const { unit, embedding } = parseMethod(name, dim);
    return unit <= Math.min(...memorySizes) && (embedding['operation'] !== 'concat' || dim % 2 === 0);
  });
}

function nameList(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

function describe(table: TableFile, report: SketchReport): string {
  const { rows, dim, sigma, rank, zeroRows, delta, results } = report;
  return [
    `${table.tensor}: ${rows} × ${dim} ${table.dtype}, rank ${rank}, largest singular value ${short(sigma)}${zeroRows > 0 ? `, ${zeroRows} rows of zeros` : ''}.`,
    '',
    'Macro error |⟨Êx, Ey⟩ − ⟨Ex, Ey⟩| / (|Ex|·|Ey|), and what Theorem 6 promises of a JLT of that size with probability ' +
      `${1 - delta}:`,
    formatTable(
      [
        'method',
        '|M|',
        'compression',
        'random p50',
        'p99',
        'structured p99',
        'worst',
        'theorem 6',
        'Gaussian',
      ],
      results.map((result) => [
        ...identity(result),
        short(result.macro.random.p50),
        short(result.macro.random.p99),
        short(result.macro.structured.p99),
        short(result.macro.worst),
        short(result.bounds.macro),
        short(result.bounds.macroGaussian),
      ]),
      ['left'],
    ),
    '',
    'Micro error |⟨Ê[i], x⟩ − ⟨E[i], x⟩| / (|E[i]|·|x|) for random and for the worst x, and what Theorem 7 promises; then inner products of two rows, and their',
    'limit by Theorem 4. Importance ρ is |E[i]|/σ; here are the most important rows and the most frequent importance, --json has all:',
    formatTable(
      [
        'method',
        '|M|',
        'compression',
        'ρ',
        'rows',
        'random p50',
        'p99',
        'worst p50',
        'max',
        'theorem 7',
        'pairs max',
        'theorem 4',
      ],
      results.flatMap((result) => shownBins(result.micro).map((bin) => microCells(result, bin))),
      ['left'],
    ),
  ].join('\n');
}

/** Indices of the bins worth a line: the most important rows, and the bin with most rows. */
function shownBins(micro: readonly MicroErrors[]): number[] {
  const most = Math.max(...micro.map(({ rows }) => rows));
  return [...new Set([mostImportant(micro), micro.findIndex(({ rows }) => rows === most)])];
}

function microCells(result: SketchResult, index: number): string[] {
  const bin = result.micro[index] as MicroErrors;
  return [
    ...identity(result),
    `${short(bin.rhoAbove)}..${short(bin.rhoUpTo)}`,
    String(bin.rows),
    short(bin.random.p50),
    short(bin.random.p99),
    short(bin.worst.p50),
    short(bin.worst.max),
    short(result.bounds.micro[index] ?? null),
    short(bin.pairs.max),
    short(bin.pairLimit),
  ];
}

function identity(result: SketchResult): string[] {
  return [seriesName(result), String(result.memorySize), `${result.compression.toPrecision(3)}x`];
}

/** Three digits; a dash where there is no number. */
function short(value: number | null): string {
  return value === null ? '-' : String(Number(value.toPrecision(3)));
}
