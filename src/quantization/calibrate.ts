import type { NativeBatch, NativeEngine } from '../addon/addon-types.ts';
import { PssError } from '../errors.ts';
import type { GraphSpec, TensorSpec } from '../graph/graph-spec.ts';
import { findMlps, type Mlp } from './find-mlps.ts';
import { Histogram, type Range, stepOf } from './histogram.ts';

/** Bins on each side of 0, of each column. */
const BINS = 256;
/**
 * Of a column's own scale in what it gets, by a geometric mean with the largest of its layer. By its own alone a column of small values has
 * fine levels but the weights it meets, which are scaled with it, hardly any; by the largest it is the other way round.
 */
const OWN_SHARE = 0.6;

/** What the 8 bits of an MLP's activations stand for; native/ops/quantized_mlp/quantized_mlp.h defines it. */
export interface MlpScales {
  readonly mlp: Mlp;
  /** [inputs], of each column; 0 for one that was always 0, which is left out. */
  readonly inputScale: readonly number[];
  readonly inputZero: readonly number[];
  /** [outputs] of each layer but the last, one after the other, likewise. */
  readonly hiddenScale: readonly number[];
}

export interface Calibration {
  readonly scales: readonly MlpScales[];
  /** The graph's output for the rows of all batches: of a whole model, the logits in f32. */
  readonly outputs: Float32Array;
}

/** An MLP and the values it was seen to take and to pass on. */
interface Observed {
  readonly mlp: Mlp;
  /** Of the input and of each layer's output but the last one's; a histogram for each column. */
  readonly tensors: readonly { readonly index: number; readonly columns: readonly Histogram[] }[];
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
  const observed = findMlps(graph).map((mlp) => observedOf(graph, mlp));
  const rows = batches.reduce((sum, { labels }) => sum + labels.length, 0);
  const outputs = new Float32Array(rows * widthOf(graph, graph.logits));
  let filled = 0;
  for (const batch of batches) {
    const { values } = await engine.trace(batch);
    const valuesOf = (tensor: number) => values[(graph.tensors[tensor] as TensorSpec).name] as Float32Array;
    for (const each of observed) observe(each, valuesOf);
    const output = valuesOf(graph.logits);
    outputs.set(output, filled);
    filled += output.length;
  }
  return { scales: observed.map(chooseScales), outputs };
}

function observedOf(graph: GraphSpec, mlp: Mlp): Observed {
  const outputs = mlp.layers.slice(0, -1).map(({ output }) => output);
  const tensors = [mlp.input, ...outputs].map((index) => ({
    index,
    columns: Array.from({ length: widthOf(graph, index) }, () => new Histogram(BINS)),
  }));
  return { mlp, tensors };
}

/** Columns of a tensor as a matrix of rows. */
function widthOf(graph: GraphSpec, tensor: number): number {
  return (graph.tensors[tensor] as TensorSpec).shape.reduce((a, b) => a * b, 1);
}

function observe({ mlp, tensors }: Observed, valuesOf: (tensor: number) => Float32Array): void {
  let notFinite = 0;
  for (const { index, columns } of tensors) {
    const values = valuesOf(index);
    for (let i = 0, column = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (Number.isFinite(value)) (columns[column] as Histogram).add(value);
      else notFinite++;
      if (++column === columns.length) column = 0;
    }
  }
  if (notFinite === 0) return;
  throw new PssError(
    'ERR_QUANTIZATION',
    `${notFinite} activations of ${mlp.name} are no finite numbers on the rows for calibration, so int8 has no range for them; check the model with precision f32.`,
  );
}

function chooseScales({ mlp, tensors }: Observed): MlpScales {
  const [input, ...hidden] = tensors.map(({ columns }) => columns.map((column) => column.bestRange())) as [
    Range[],
    ...Range[][],
  ];
  const inputScale = balanced(input.map(stepOf));
  return {
    mlp,
    inputScale,
    inputZero: input.map(({ low }, k) => (low < 0 ? Math.round(-low / (inputScale[k] as number)) : 0)),
    hiddenScale: hidden.flatMap((ranges) => balanced(ranges.map(stepOf))),
  };
}

/** None becomes smaller, so that all ranges stay covered. */
function balanced(scales: readonly number[]): number[] {
  const largest = scales.reduce((a, b) => Math.max(a, b), 0);
  return scales.map((scale) => scale ** OWN_SHARE * largest ** (1 - OWN_SHARE));
}
