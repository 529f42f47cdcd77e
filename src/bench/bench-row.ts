import { median, type Samples } from './gated-samples.ts';

/** One row of a benchmark: one JSON object of `--json`. */
export interface BenchRow {
  readonly bench: 'step' | 'inference';
  readonly case: string;
  /** The kind of model, where one is timed. */
  readonly model?: string;
  readonly device: 'cpu' | 'cuda';
  readonly precision: string;
  readonly threads: number;
  readonly memorySize: number;
  readonly gradient: string;
  readonly medianMs: number;
  readonly samplesPerSecond: number;
  /** Milliseconds the step's floating-point operations take at `peak`. */
  readonly rooflineMs: number;
  /** rooflineMs / medianMs. */
  readonly rooflineFraction: number;
  /** GFLOP/s of multiply-adds of this precision beside the samples, their median; on a GPU, its published rate. */
  readonly peak: number;
  readonly samples: number;
  readonly rejected: number;
  /** Milliseconds of each part of a step, in the median sample. */
  readonly parts: Readonly<Record<string, number>>;
}

/** What follows from the samples in every benchmark's row. */
type MeasuredFigures = Pick<
  BenchRow,
  'medianMs' | 'samplesPerSecond' | 'rooflineMs' | 'rooflineFraction' | 'peak' | 'samples' | 'rejected'
>;

/** @param rows data rows that `medianMs` and `rooflineMs` are for */
export function measuredFigures(
  { accepted, rejected }: Samples<unknown>,
  medianMs: number,
  rooflineMs: number,
  rows: number,
): MeasuredFigures {
  return {
    medianMs,
    samplesPerSecond: (rows * 1000) / medianMs,
    rooflineMs,
    rooflineFraction: rooflineMs / medianMs,
    peak: median(accepted.map(({ peak }) => peak)),
    samples: accepted.length,
    rejected,
  };
}
