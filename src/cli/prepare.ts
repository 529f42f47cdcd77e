import { type Command, Option } from 'commander';
import { PssError } from '../errors.ts';
import { formatDuration, formatQuantity } from '../format/quantity.ts';
import type { DenseProfile, IdKind, Manifest } from '../manifest/manifest.ts';
import { estimatePrepare } from '../prepare/disk-space.ts';
import { prepare } from '../prepare/prepare.ts';
import type { PrepareOptions } from '../prepare/prepare-options.ts';
import { interruptSignal } from './interrupt.ts';
import { createOutput, type Output } from './output.ts';
import { exampleHelp, type SharedOptions, wholeNumber } from './shared-options.ts';

interface Options extends SharedOptions {
  readonly out: string;
  readonly ids: IdKind;
  readonly maxIndex?: number;
  readonly dense: DenseProfile;
  readonly split?: string;
  readonly jobs?: number;
  readonly maxBadRows: string;
  readonly minCount?: number;
  readonly memory: string;
  readonly resume: boolean;
  readonly dryRun: boolean;
}

/** `pss prepare` */
export function registerPrepare(program: Command): void {
  program
    .command('prepare')
    .summary('Turn raw Criteo text into shards')
    .description(
      'Turns raw Criteo text (label, I1..I13, C1..C26, tab-separated; plain or .gz) into Arrow shards with a manifest. The same input gives the same bytes.',
    )
    .argument('<inputs...>', 'raw files, folders of them (in natural order), or - for standard input')
    .requiredOption('--out <dir>', 'folder to make; must not exist or be empty')
    .addOption(
      new Option('--ids <kind>', 'raw: the 32-bit hashes; vocab: contiguous per column, with a dictionary')
        .choices(['raw', 'vocab'])
        .default('raw'),
    )
    .option(
      '--min-count <n>',
      'with --ids vocab: values seen fewer times share id 0, the others count from 1',
      wholeNumber(1),
    )
    .option('--max-index <n>', 'take ids modulo this, before the dictionary', wholeNumber(1))
    .addOption(
      new Option('--dense <profile>', 'dlrm: log(1 + max(x, 0)); log3: log(3 + max(x, -2)); none: x')
        .choices(['dlrm', 'log3', 'none'])
        .default('dlrm'),
    )
    .option(
      '--split <rule>',
      'head:N, tail:FRACTION, kaggle-chronological, kaggle-random:SEED or tb-mlperf; makes DIR/train, DIR/test, …',
    )
    .option('--jobs <n>', 'parsing threads (default: all cores); the result is the same', wholeNumber(1))
    .option(
      '--max-bad-rows <limit>',
      'malformed rows to leave out before giving up: a share or a number',
      '0.1%',
    )
    .option('--memory <amount>', 'most memory to use; dictionaries that need more go to the disk', '2GB')
    .option('--resume', 'go on with an interrupted run of the same command', false)
    .option('--dry-run', 'say what the work will come to, from a sample, and write nothing', false)
    .addHelpText(
      'after',
      exampleHelp(
        'pss prepare data/criteo-slice.tsv --out shards --split tail:0.1',
        'pss prepare day_0.gz day_1.gz --out shards --ids vocab --max-index 40000000',
        'zcat train.txt.gz | pss prepare - --out shards --split kaggle-chronological',
      ),
    )
    .action(runPrepare);
}

async function runPrepare(inputs: string[], options: Options): Promise<void> {
  const output = createOutput(options);
  if (options.dryRun) {
    await reportEstimate({ ...options, inputs }, output);
    return;
  }
  const signal = interruptSignal(output, 'the batch under way is finished and the state kept');
  const manifests = await prepare({ ...options, inputs, signal }, output);
  for (const manifest of manifests) report(manifest, options.out, output);
}

async function reportEstimate(options: PrepareOptions, output: Output): Promise<void> {
  const expected = await estimatePrepare(options, output);
  if (!expected) {
    throw new PssError(
      'ERR_INPUT',
      'What standard input, pipes and devices hold is unknown before it is read; give --dry-run regular files.',
    );
  }
  const { rows, seconds, sizeBytes, peakBytes, freeBytes, sampledRows } = expected;
  const size = (bytes: number) => formatQuantity(bytes, 'bytes');
  output.result(
    `rows:  about ${rows.toLocaleString('en')}, from a sample of ${sampledRows.toLocaleString('en')}`,
  );
  output.result(`time:  about ${formatDuration(seconds)}`);
  output.result(
    `disk:  ${size(sizeBytes)}${peakBytes > sizeBytes ? `, up to ${size(peakBytes)} on the way if the dictionaries don't fit in --memory` : ''}; ${size(freeBytes)} free`,
  );
}

function report({ split, rows, clicks }: Manifest, out: string, output: Output): void {
  const where = split === 'all' ? out : `${out}/${split}`;
  const rate = ((100 * clicks) / rows).toFixed(2);
  output.result(`${where}: ${rows.toLocaleString('en')} rows, ${rate}% of them clicks`);
}
