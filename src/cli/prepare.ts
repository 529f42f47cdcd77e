import { type Command, Option } from 'commander';
import type { DenseProfile, IdKind, Manifest } from '../manifest/manifest.ts';
import { prepare } from '../prepare/prepare.ts';
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
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  // Once: a second signal ends the process at once.
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const manifests = await prepare({ ...options, inputs, signal: interruption.signal }, output);
    for (const manifest of manifests) report(manifest, options.out, output);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function report({ split, rows, clicks }: Manifest, out: string, output: Output): void {
  const where = split === 'all' ? out : `${out}/${split}`;
  const rate = ((100 * clicks) / rows).toFixed(2);
  output.result(`${where}: ${rows.toLocaleString('en')} rows, ${rate}% of them clicks`);
}
