import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { loadAddon } from '../addon/load.ts';
import { describeCrossovers } from '../bench/crossover.ts';
import { benchEmbedding, type EmbeddingRow, type SkippedCase } from '../bench/embedding.ts';
import { EMBEDDING_TABLES, type EmbeddingTable, embeddingCases } from '../bench/embedding-cases.ts';
import { measurePeak } from '../bench/gated-samples.ts';
import { expectSamples, expectWritable, writeJsonLines } from './bench-output.ts';
import { createOutput, type Output } from './output.ts';
import { exampleHelp, rowCount, type SharedOptions, wholeNumber } from './shared-options.ts';

interface EmbeddingBenchOptions extends SharedOptions {
  readonly table: EmbeddingTable | 'all';
  readonly rows: readonly number[];
  readonly threads?: number;
  readonly samples: number;
  readonly seconds?: number;
  readonly json?: string;
}

/** `pss bench embedding` */
export function registerEmbeddingBench(bench: Command): void {
  bench
    .command('embedding')
    .description(
      'Times lookup and update of one table alone, as Table 2 of the paper: 10,240 ids a batch, 128 floats an embedding, by compression, by chunk size and by kind; and by size of M with each optimizer, where dense and sparse gradients cross.',
    )
    .addOption(
      new Option('--table <name>', 'which part of it').choices([...EMBEDDING_TABLES, 'all']).default('all'),
    )
    .option('--rows <n,...>', 'rows of the table, as in 4M,16M', parseRows, [4e6, 16e6, 64e6, 256e6])
    .option('--threads <n>', 'engine threads (default: all cores)', wholeNumber(1))
    .option('--samples <n>', 'accepted samples each median is taken of', wholeNumber(1), 15)
    .option('--seconds <n>', 'stop sampling after about so long, with fewer samples', wholeNumber(1))
    .option('--json <file>', 'also write one JSON object a row to this file')
    .addHelpText('after', exampleHelp('pss bench embedding --table chunk --rows 4M'))
    .action(runEmbeddingBench);
}

async function runEmbeddingBench(options: EmbeddingBenchOptions): Promise<void> {
  const output = createOutput(options);
  const addon = loadAddon();
  expectWritable(options.json);
  const peak = measurePeak(addon, options.threads ?? availableParallelism());
  const tables = options.table === 'all' ? EMBEDDING_TABLES : [options.table];
  const rows: EmbeddingRow[] = [];
  const until = performance.now() + 1000 * (options.seconds ?? Number.POSITIVE_INFINITY);
  for (const table of tables) {
    output.result('                                                milliseconds (share of roofline)');
    output.result(
      `${table.padEnd(22)} |M|         forward           backward dense    backward sparse   faster  auto`,
    );
    const measuredRows: EmbeddingRow[] = [];
    const cases = embeddingCases(table, options.rows);
    for await (const measured of benchEmbedding(addon, cases, peak, options.samples, until)) {
      if ('reason' in measured) {
        printSkipped(output, measured);
        continue;
      }
      for (const row of measured) expectSamples(row);
      measuredRows.push(...measured);
      printCase(output, measured);
    }
    for (const line of describeCrossovers(measuredRows)) output.result(line);
    rows.push(...measuredRows);
  }
  if (options.json) writeJsonLines(options.json, rows);
}

function printSkipped(output: Output, skipped: SkippedCase): void {
  output.result(`${skipped.case.padEnd(22)} left out: ${skipped.reason}`);
}

/** One line a case: its passes side by side, and which gradient is faster. */
function printCase(output: Output, rows: readonly EmbeddingRow[]): void {
  const first = rows[0] as EmbeddingRow;
  const cells = rows.map((row) => `${row.medianMs.toFixed(3)} (${(row.rooflineFraction * 100).toFixed(0)}%)`);
  const [dense, sparse] = [rows[1], rows[2]].map((row) => row?.medianMs ?? Number.NaN) as [number, number];
  const faster = !(dense > sparse) ? 'dense' : 'sparse';
  output.result(
    `${first.case.padEnd(22)} ${String(first.memorySize).padEnd(11)} ${cells.map((cell) => cell.padEnd(17)).join(' ')} ${faster.padEnd(7)} ${first.auto}`,
  );
}

/** `4M,16000` as numbers. */
function parseRows(text: string): number[] {
  return text.split(',').map(rowCount);
}
