import type { Command } from 'commander';
import { loadConfig } from '../config/config.ts';
import { EXIT, UsageError } from '../errors.ts';
import { resumeConfig, resumeTraining, startTraining, type TrainOutcome } from '../train/run-training.ts';
import { describeEvaluation } from './describe-evaluation.ts';
import { interruptSignal } from './interrupt.ts';
import { createOutput, type Output } from './output.ts';
import { collect, exampleHelp, type SharedOptions } from './shared-options.ts';

interface TrainOptions extends SharedOptions {
  readonly config?: string;
  readonly set: string[];
  readonly runDir?: string;
  readonly init?: string;
  readonly resume?: string;
}

/** Adds `pss train`. */
export function registerTrain(program: Command): void {
  program
    .command('train')
    .summary('Train a model on prepared data, or go on with a run')
    .description(
      'Trains a model on prepared data, evaluating and writing checkpoints on the way. Ctrl-C finishes the step, writes a checkpoint and exits with 130; --resume goes on as if nothing had happened.',
    )
    .option('--config <file>', 'YAML configuration; with --resume the run has its own')
    .option('--set <key.path=value>', 'change one key of the configuration (repeatable)', collect, [])
    .option('--run-dir <dir>', "the run's directory (default: runs/NAME-TIMESTAMP)")
    .option('--init <file>', 'initial weights, a .safetensors file with the names and shapes of the model')
    .option('--resume <dir>', 'go on with the run in this directory')
    .addHelpText(
      'after',
      exampleHelp(
        'pss prepare data/criteo-slice.tsv --out data/slice --split head:5000',
        'pss train --config configs/smoke.yaml --set train.epochs=2',
      ),
    )
    .action(runTrain);
}

async function runTrain(options: TrainOptions): Promise<void> {
  const output = createOutput(options);
  checkOptions(options);
  const around = {
    reporter: output,
    signal: interruptSignal(output, 'finishing the step and writing a checkpoint'),
  };
  if (options.resume !== undefined) {
    const config = await resumeConfig(options.resume, options.config, options.set);
    const outcome = await resumeTraining({ runDir: options.resume, config }, around);
    if (outcome) report(outcome, output);
    else {
      output.result(
        `${options.resume} is finished: there is nothing to resume; --set train.epochs=N goes on to N epochs.`,
      );
    }
    return;
  }
  const config = loadConfig(options.config as string, options.set);
  report(await startTraining({ config, runDir: options.runDir, init: options.init }, around), output);
}

function checkOptions({ config, resume, init, runDir }: TrainOptions): void {
  if (resume === undefined && config === undefined) {
    throw new UsageError('ERR_USAGE', 'Nothing to train: give --config FILE, or --resume RUN_DIR to go on.');
  }
  if (resume === undefined) return;
  if (init !== undefined) {
    throw new UsageError(
      'ERR_USAGE',
      '--init and --resume exclude each other: a run goes on from its own weights.',
    );
  }
  if (runDir !== undefined) {
    throw new UsageError(
      'ERR_USAGE',
      '--run-dir and --resume exclude each other: a run goes on where it is.',
    );
  }
}

function report(outcome: TrainOutcome, output: Output): void {
  const { reason, runDir, step, evaluation, epochsToTarget, trainSeconds } = outcome;
  if (evaluation) output.result(describeEvaluation(evaluation));
  if (epochsToTarget !== null) output.result(`Target AUC reached after ${epochsToTarget.toFixed(4)} epochs.`);
  if (reason === 'interrupted') {
    output.result(`Interrupted after step ${step}; go on with: pss train --resume ${runDir}`);
    process.exitCode = EXIT.interrupted;
    return;
  }
  output.result(`${step} steps, ${trainSeconds.toFixed(1)} s of training. The run is in ${runDir}`);
}
