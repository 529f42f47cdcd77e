import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadAddon } from '../addon/load.ts';
import { measurePeak } from '../bench/gated-samples.ts';
import { benchReader, type ReaderRow, SHUFFLES } from '../bench/reader.ts';
import { Dataset } from '../reader/dataset.ts';
import { synthesize } from '../synth/synth.ts';
import { expectSamples, expectWritable, writeJsonLines } from './bench-output.ts';
import { createOutput, type Output } from './output.ts';
import { exampleHelp, type SharedOptions, wholeNumber } from './shared-options.ts';

interface ReaderBenchOptions extends SharedOptions {
  readonly data?: string;
  readonly rows: number;
  readonly samples: number;
  readonly json?: string;
}

/** `pss bench reader` */
export function registerReaderBench(bench: Command): void {
  bench
    .command('reader')
    .description('Times one pass over prepared data as training reads them, for each way of shuffling.')
    .option('--data <dir>', 'prepared folder (default: synthetic rows, removed afterwards)')
    .option('--rows <n>', 'synthetic rows', wholeNumber(1), 1_048_576)
    .option('--samples <n>', 'accepted passes each median is taken of', wholeNumber(1), 7)
    .option('--json <file>', 'also write one JSON object a row to this file')
    .addHelpText('after', exampleHelp('pss bench reader --rows 200000'))
    .action(runReaderBench);
}

async function runReaderBench(options: ReaderBenchOptions): Promise<void> {
  const output = createOutput(options);
  expectWritable(options.json);
  const temporary = options.data === undefined ? await mkdtemp(join(tmpdir(), 'pss-bench-')) : undefined;
  try {
    const folder =
      options.data ?? (await syntheticData(join(temporary as string, 'data'), options.rows, output));
    const dataset = await Dataset.open([folder]);
    try {
      await timeReading(dataset, options, output);
    } finally {
      await dataset.close();
    }
  } finally {
    if (temporary) await rm(temporary, { recursive: true, force: true });
  }
}

async function syntheticData(out: string, rows: number, output: Output): Promise<string> {
  await synthesize({ rows, out, format: 'arrow' }, output);
  return out;
}

async function timeReading(dataset: Dataset, options: ReaderBenchOptions, output: Output): Promise<void> {
  const addon = loadAddon();
  const peak = measurePeak(addon, availableParallelism());
  const rows: ReaderRow[] = [];
  output.result('shuffle   ms/2048 rows      rows/s  roofline ms  of roofline  samples (rejected)');
  for (const shuffle of SHUFFLES) {
    const row = await benchReader(addon, dataset, shuffle, peak, options.samples);
    expectSamples(row);
    rows.push(row);
    output.result(
      [
        shuffle.padEnd(9),
        row.medianMs.toFixed(3).padStart(12),
        row.samplesPerSecond.toFixed(0).padStart(11),
        row.rooflineMs.toFixed(3).padStart(12),
        `${(row.rooflineFraction * 100).toFixed(1)}%`.padStart(12),
        `${row.samples} (${row.rejected})`.padStart(19),
      ].join(' '),
    );
  }
  if (options.json) writeJsonLines(options.json, rows);
}
