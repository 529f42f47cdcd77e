import { type Command, Option } from 'commander';
import { loadConfig } from '../config/config.ts';
import { EXIT, UsageError } from '../errors.ts';
import { type EvaluateRequest, evaluateModel, type ModelEvaluation } from '../train/evaluate-model.ts';
import { readRunConfig } from '../train/run-directory.ts';
import { modelFile } from '../train/trained-model.ts';
import { describeEvaluation } from './describe-evaluation.ts';
import { interruptSignal } from './interrupt.ts';
import { createOutput, type Output } from './output.ts';
import { collect, exampleHelp, type SharedOptions, wholeNumber } from './shared-options.ts';

interface EvalOptions extends SharedOptions {
  readonly run?: string;
  readonly config?: string;
  readonly init?: string;
  readonly set: string[];
  readonly data: string[];
  readonly predictions?: string;
  readonly precision?: 'f32' | 'bf16' | 'int8';
  readonly calibrationData: string[];
  readonly calibrationRows?: number;
  readonly compare: boolean;
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
    .addOption(
      new Option(
        '--precision <p>',
        "instead of the configuration's; int8 is for MLPs, with bf16 elsewhere, on the CPU",
      ).choices(['f32', 'bf16', 'int8']),
    )
    .option(
      '--calibration-data <dir>',
      "prepared folder that int8's ranges come from, instead of data.train (repeatable)",
      collect,
      [],
    )
    .option('--calibration-rows <n>', 'how many of its rows, spread evenly (default: 32768)', wholeNumber(1))
    .option('--compare', 'score in f32 too, and print what precision changes', false)
    .option('--json', 'print one JSON object instead of a sentence', false)
    .addHelpText(
      'after',
      exampleHelp(
        'pss prepare data/criteo-slice.tsv --out data/slice --split head:5000',
        'pss train --config configs/smoke.yaml --run-dir runs/smoke',
        'pss eval --run runs/smoke --data data/slice/test --predictions scores.arrow',
        'pss eval --run runs/smoke --precision int8 --compare',
      ),
    )
    .action(runEval);
}

async function runEval(options: EvalOptions): Promise<void> {
  const output = createOutput(options);
  const { config, file } = await chooseModel(options, output.warn);
  const precision = options.precision ?? config.precision;
  expectSense(options, precision);
  const signal = interruptSignal(output, 'stopping');
  const request: EvaluateRequest = {
    config,
    modelFile: file,
    data: given(options.data),
    predictions: options.predictions,
    precision,
    calibration: { data: given(options.calibrationData), rows: options.calibrationRows },
    compare: options.compare,
  };
  const result = await evaluateModel(request, { reporter: output, signal });
  if (!result) {
    process.exitCode = EXIT.interrupted;
    return;
  }
  if (result.auc === null) output.warn('All evaluated rows have the same label, so there is no AUC.');
  if (result.notFinite > 0) {
    output.warn(`${result.notFinite} scores are no finite numbers, so the metrics mean nothing.`);
  }
  if (options.json) {
    output.result(JSON.stringify(shownFields(result, precision)));
  } else {
    describeCalibration(output, result);
    output.result(describeEvaluation(result));
    describeDifference(output, result, precision);
  }
  if (options.predictions) output.info(`Predictions are in ${options.predictions}`);
}

/** @throws UsageError ERR_USAGE for options that would do nothing */
function expectSense(options: EvalOptions, precision: string): void {
  if (precision !== 'int8' && (options.calibrationData.length > 0 || options.calibrationRows !== undefined)) {
    throw new UsageError('ERR_USAGE', `Precision ${precision} needs no calibration; add --precision int8.`);
  }
  if (precision === 'f32' && options.compare) {
    throw new UsageError(
      'ERR_USAGE',
      '--compare scores in f32 too; give --precision bf16 or int8 beside it.',
    );
  }
}

function given(folders: readonly string[]): readonly string[] | undefined {
  return folders.length > 0 ? folders : undefined;
}

/** The object of `--json`. */
function shownFields(result: ModelEvaluation, precision: string) {
  const { aucNoise: _, f32, ...shown } = result;
  if (!f32) return result.calibrated ? { ...shown, precision } : shown;
  const { aucNoise: __, ...exact } = f32;
  return { ...shown, precision, f32: exact, aucDifference: aucDifference(result, f32) };
}

function describeCalibration(output: Output, { calibrated }: ModelEvaluation): void {
  if (!calibrated) return;
  const { rows, folders, auc } = calibrated;
  output.info(
    `Calibrated int8 with ${rows} rows of ${folders.join(', ')}: AUC ${auc.int8.toFixed(5)} on them, in f32 ${auc.f32.toFixed(5)}.`,
  );
}

function describeDifference(output: Output, result: ModelEvaluation, precision: string): void {
  if (!result.f32) return;
  output.result(`f32: ${describeEvaluation(result.f32)}`);
  const difference = aucDifference(result, result.f32);
  if (difference !== null) output.result(`${precision} changes the AUC by ${difference.toFixed(6)}.`);
}

function aucDifference(result: ModelEvaluation, f32: Pick<ModelEvaluation, 'auc'>): number | null {
  return result.auc === null || f32.auc === null ? null : result.auc - f32.auc;
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
