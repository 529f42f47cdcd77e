import type { Command } from 'commander';
import { loadConfig } from '../config/config.ts';
import { EXIT, UsageError } from '../errors.ts';
import { evaluateModel } from '../train/evaluate-model.ts';
import { readRunConfig } from '../train/run-directory.ts';
import { modelFile } from '../train/trained-model.ts';
import { describeEvaluation } from './describe-evaluation.ts';
import { interruptSignal } from './interrupt.ts';
import { createOutput } from './output.ts';
import { collect, exampleHelp, type SharedOptions } from './shared-options.ts';

interface EvalOptions extends SharedOptions {
  readonly run?: string;
  readonly config?: string;
  readonly init?: string;
  readonly set: string[];
  readonly data: string[];
  readonly predictions?: string;
  readonly json: boolean;
}

/** Adds `pss eval`. */
export function registerEval(program: Command): void {
  program
    .command('eval')
    .summary('Score prepared data with a trained model')
    .description(
      "Scores prepared data with a run's newest checkpoint, or with given weights, and prints AUC, log loss, what a constant prediction would reach, and calibration.",
    )
    .option('--run <dir>', 'the run whose model is evaluated')
    .option('--config <file>', 'YAML configuration, for weights given with --init')
    .option('--init <file>', 'weights, a .safetensors file')
    .option('--set <key.path=value>', 'change one key of the configuration (repeatable)', collect, [])
    .option('--data <dir>', 'prepared folder, instead of data.eval (repeatable)', collect, [])
    .option('--predictions <file>', 'write logit, probability and label of every row to an Arrow file')
    .option('--json', 'print one JSON object instead of a sentence', false)
    .addHelpText(
      'after',
      exampleHelp(
        'pss prepare data/criteo-slice.tsv --out data/slice --split head:5000',
        'pss train --config configs/smoke.yaml --run-dir runs/smoke',
        'pss eval --run runs/smoke --data data/slice/test --predictions scores.arrow',
      ),
    )
    .action(runEval);
}

async function runEval(options: EvalOptions): Promise<void> {
  const output = createOutput(options);
  const { config, file } = await chooseModel(options, output.warn);
  const data = options.data.length > 0 ? options.data : undefined;
  const signal = interruptSignal(output, 'stopping');
  const request = { config, modelFile: file, data, predictions: options.predictions };
  const result = await evaluateModel(request, { reporter: output, signal });
  if (!result) {
    process.exitCode = EXIT.interrupted;
    return;
  }
  if (result.auc === null) output.warn('All evaluated rows have the same label, so there is no AUC.');
  if (result.notFinite > 0) {
    output.warn(`${result.notFinite} scores are no finite numbers, so the metrics mean nothing.`);
  }
  const { aucNoise: _, ...shown } = result;
  output.result(options.json ? JSON.stringify(shown) : describeEvaluation(result));
  if (options.predictions) output.info(`Predictions are in ${options.predictions}`);
}

async function chooseModel(options: EvalOptions, warn: (line: string) => void) {
  const { run, config, init, set } = options;
  if (run !== undefined && config === undefined && init === undefined) {
    return { config: await readRunConfig(run, set), file: await modelFile(run, warn) };
  }
  if (run === undefined && config !== undefined && init !== undefined) {
    return { config: loadConfig(config, set), file: init };
  }
  throw new UsageError(
    'ERR_USAGE',
    'Which model? Give --run RUN_DIR, or both --config FILE and --init FILE.safetensors.',
  );
}
