import type { Command } from 'commander';

/** Adds one command, with its options, its action and a help text that ends in an example, to the program. */
export type Register = (program: Command) => void;

interface CommandEntry {
  readonly name: string;
  /** One line for `pss --help`. */
  readonly summary: string;
  readonly load: () => Promise<Register>;
}

/** Every command, in the order of `pss --help`. A command's file is loaded only when it is called. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'prepare',
    summary: 'Turn raw Criteo text into shards',
    load: async () => (await import('./prepare.ts')).registerPrepare,
  },
  {
    name: 'synth',
    summary: 'Make synthetic rows in the manner of Criteo',
    load: async () => (await import('./synth.ts')).registerSynth,
  },
  {
    name: 'doctor',
    summary: 'Say what this machine offers, and why something is off',
    load: async () => (await import('./doctor.ts')).registerDoctor,
  },
  {
    name: 'train',
    summary: 'Train a model on prepared data, or go on with a run',
    load: async () => (await import('./train.ts')).registerTrain,
  },
  {
    name: 'eval',
    summary: 'Score prepared data with a trained model',
    load: async () => (await import('./eval.ts')).registerEval,
  },
  {
    name: 'sweep',
    summary: 'Train a model in many variants and compare them in one table',
    load: async () => (await import('./sweep.ts')).registerSweep,
  },
  {
    name: 'report',
    summary: 'Turn runs, sweeps and benchmarks into one web page',
    load: async () => (await import('./report.ts')).registerReport,
  },
  {
    name: 'bench',
    summary: 'Time training steps and predictions against what this machine can do',
    load: async () => (await import('./bench.ts')).registerBench,
  },
  {
    name: 'inspect',
    summary: 'Show how the ids of a model share its array',
    load: async () => (await import('./inspect.ts')).registerInspect,
  },
  {
    name: 'sketch',
    summary: 'Compress a trained table with every method and measure what is lost',
    load: async () => (await import('./sketch.ts')).registerSketch,
  },
  {
    name: 'bounds',
    summary: 'Say how small a table can be made according to the theory',
    load: async () => (await import('./bounds.ts')).registerBounds,
  },
];
