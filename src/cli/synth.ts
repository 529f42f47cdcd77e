import { type Command, Option } from 'commander';
import { SYNTH_PROFILES } from '../addon/synth-types.ts';
import { synthesize } from '../synth/synth.ts';
import type { SynthOptions } from '../synth/synth-options.ts';
import { interruptSignal } from './interrupt.ts';
import { createOutput } from './output.ts';
import { exampleHelp, type SharedOptions, wholeNumber } from './shared-options.ts';

type Options = SharedOptions & Omit<SynthOptions, 'signal'>;

/** `pss synth` */
export function registerSynth(program: Command): void {
  program
    .command('synth')
    .summary('Make synthetic rows in the manner of Criteo')
    .description(
      "Makes any number of synthetic rows with Criteo's columns, missing values, power-law tokens and drift over days, labelled by a planted model, so that the best possible AUC is known. Row N of a seed is always the same.",
    )
    .requiredOption('--rows <n>', 'rows to make', wholeNumber(1))
    .requiredOption('--out <dir>', 'folder to make, which must not exist or be empty; - is standard output')
    .addOption(
      new Option('--format <format>', 'tsv: raw text, a file a day; arrow: shards with raw ids')
        .choices(['tsv', 'arrow'])
        .default('tsv'),
    )
    .option('--seed <s>', 'another seed, another data set', wholeNumber(0), 1)
    .addOption(
      new Option('--profile <name>', "sizes and missing values: Criteo's Kaggle or Terabyte data, or small")
        .choices(SYNTH_PROFILES)
        .default('kaggle'),
    )
    .option('--start <row>', 'number of the first row', wholeNumber(0), 0)
    .option('--day-rows <n>', "rows of a day (default: the profile's)", wholeNumber(1))
    .option('--jobs <n>', 'threads (default: all cores); the result is the same', wholeNumber(1))
    .addHelpText(
      'after',
      exampleHelp(
        'pss synth --rows 1000000 --out data/synth --format arrow --profile tiny',
        'pss synth --rows 4400000 --out - | pss prepare - --out shards --ids vocab --split tail:0.1',
      ),
    )
    .action(runSynth);
}

async function runSynth(options: Options): Promise<void> {
  const output = createOutput(options);
  const signal = interruptSignal(output, 'removing what was written');
  const summary = await synthesize({ ...options, signal }, output);
  const { rows, clicks, bestAuc, bestLogLoss, baselineLogLoss } = summary;
  // Standard output holds either the rows or what is said of them.
  const say = options.out === '-' ? output.info : output.result;
  const rate = ((100 * clicks) / rows).toFixed(2);
  say(
    `${options.out === '-' ? 'Standard output' : options.out}: ${rows.toLocaleString('en')} rows, ${rate}% of them clicks`,
  );
  say(
    `Best possible AUC ${bestAuc.toFixed(4)}, log loss ${bestLogLoss.toFixed(4)} (${baselineLogLoss.toFixed(4)} for a constant)`,
  );
}
