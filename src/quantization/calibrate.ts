import type { NativeBatch, NativeEngine } from '../addon/addon-types.ts';
import { PssError } from '../errors.ts';
import type { GraphSpec, TensorSpec } from '../graph/graph-spec.ts';
import { findMlps, type Mlp } from './find-mlps.ts';
import { Histogram, type Range, stepOf } from './histogram.ts';

/** Bins on each side of 0: of all values between two layers, and of each column of an MLP's input. */
const HIDDEN_BINS = 2048;
const COLUMN_BINS = 256;

/** What the 8 bits of an MLP's activations stand for; native/ops/quantized_mlp/quantized_mlp.h defines it. */
export interface MlpScales {
  readonly mlp: Mlp;
  /** [inputs], of each column. */
  readonly inputScale: readonly number[];
  readonly inputZero: readonly number[];
  /** [layers − 1], of each layer's outputs but the last one's. */
  readonly hiddenScale: readonly number[];
}

export interface Calibration {
  readonly scales: readonly MlpScales[];
  /** Of the batches' rows, by the engine in floats. */
  readonly logits: Float32Array;
}

/** The values an MLP takes and passes on, as they are met. */
interface Observed {
  readonly mlp: Mlp;
  /** One for each column of the input. */
  readonly columns: readonly Histogram[];
  /** One for each layer but the last. */
  readonly hidden: readonly Histogram[];
}

/**
 * Looks at the activations of a model's MLPs on some rows, and chooses the ranges that 8 bits cover with the least squared error.
 * @param engine in f32, not for training, of `graph` and the trained weights
 * @param batches of at most 1024 rows each
 * @throws PssError ERR_QUANTIZATION when an activation isn't a finite number
 */
export async function calibrate(
  engine: Pick<NativeEngine, 'trace'>,
  graph: GraphSpec,
  batches: readonly NativeBatch[],
): Promise<Calibration> {
  const observed = findMlps(graph).map((mlp): Observed => {
    const { shape } = graph.tensors[mlp.input] as TensorSpec;
    const width = shape.reduce((a, b) => a * b, 1);
    return {
      mlp,
      columns: Array.from({ length: width }, () => new Histogram(COLUMN_BINS)),
      hidden: mlp.layers.slice(0, -1).map(() => new Histogram(HIDDEN_BINS)),
    };
  });
  const rows = batches.reduce((sum, { labels }) => sum + labels.length, 0);
  const logits = new Float32Array(rows);
  let row = 0;
  for (const batch of batches) {
    const { values } = await engine.trace(batch);
    const valuesOf = (tensor: number) => values[(graph.tensors[tensor] as TensorSpec).name] as Float32Array;
    for (const each of observed) observe(each, valuesOf);
    logits.set(valuesOf(graph.logits), row);
    row += batch.labels.length;
  }
  return { scales: observed.map(chooseScales), logits };
}

function observe({ mlp, columns, hidden }: Observed, valuesOf: (tensor: number) => Float32Array): void {
  let notFinite = 0;
  const input = valuesOf(mlp.input);
  columns.forEach((histogram, column) => {
    notFinite += histogram.add(input, column, columns.length);
  });
  hidden.forEach((histogram, layer) => {
    notFinite += histogram.add(valuesOf((mlp.layers[layer] as Mlp['layers'][number]).output));
  });
  if (notFinite === 0) return;
  throw new PssError(
    'ERR_QUANTIZATION',
    `${notFinite} activations of ${mlp.name} are no finite numbers on the rows for calibration, so int8 has no range for them; check the model with precision f32.`,
  );
}

function chooseScales({ mlp, columns, hidden }: Observed): MlpScales {
  const ranges = columns.map((histogram) => histogram.bestRange());
  return {
    mlp,
    inputScale: ranges.map(stepOf),
    inputZero: ranges.map(zeroOf),
    hiddenScale: hidden.map((histogram) => stepOf(histogram.bestRange())),
  };
}

/** The level that stands for 0. */
function zeroOf(range: Range): number {
  return Math.round(-range.low / stepOf(range)) + 0;
}
