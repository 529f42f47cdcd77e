import type { NativeBatch, NativeEngine } from '../addon/addon-types.ts';
import type { RecordBatchSource } from '../batch/window-buffer.ts';
import type { DeviceChoice } from '../config/config.ts';
import { PssError, UsageError } from '../errors.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import { areaUnderRoc } from '../metrics/auc.ts';
import { calibrate } from '../quantization/calibrate.ts';
import { quantizeGraph } from '../quantization/quantize-graph.ts';
import { allocateRows, type Rows } from '../reader/rows.ts';

/** How far int8 may move the AUC of the rows it is calibrated with. */
export const AUC_TOLERANCE = 3e-4;
/** Rows of data to calibrate with, unless another number is asked for. */
export const CALIBRATION_ROWS = 32_768;
/** Rows that are looked at together, and that lie together in the data. */
const BLOCK_ROWS = 1024;

/** Rows with labels; arrays as in `PredictionRows`. */
export interface CalibrationRows {
  /** [rows], 0 or 1. */
  readonly labels: Uint8Array;
  /** [rows, N] */
  readonly dense: Float32Array;
  /** [rows, T] */
  readonly sparse: Uint32Array;
}

/** What calibration found on its rows. */
export interface CalibrationReport {
  readonly rows: number;
  readonly auc: { readonly f32: number; readonly int8: number };
}

export interface QuantizedEngine {
  readonly engine: NativeEngine;
  readonly calibration: CalibrationReport;
}

/**
 * An engine for predictions whose MLPs are in int8 and whose other parts are in bf16.
 * @param open an engine for predictions of a graph with the trained weights, in a precision
 * @throws PssError ERR_QUANTIZATION when the AUC of the calibration rows isn't that of f32 within 0.0003, when they all have one label, or
 *   when the model has no layer to change
 */
export async function openQuantized(
  graph: GraphSpec,
  rows: CalibrationRows,
  open: (graph: GraphSpec, precision: 'f32' | 'bf16') => Promise<NativeEngine>,
): Promise<QuantizedEngine> {
  const exact = await open(graph, 'f32');
  const { scales, outputs } = await calibrate(exact, graph, blocksOf(rows, graph)).finally(() =>
    exact.dispose(),
  );
  if (scales.length === 0) {
    throw new PssError(
      'ERR_QUANTIZATION',
      'The model has no hidden layer, so int8 would change nothing; use precision f32 or bf16.',
    );
  }
  const f32 = aucOf(outputs, rows.labels);
  const engine = await open(quantizeGraph(graph, scales), 'bf16');
  try {
    const int8 = aucOf(await engine.predict(rows), rows.labels);
    if (!(Math.abs(int8 - f32) <= AUC_TOLERANCE)) {
      throw new PssError(
        'ERR_QUANTIZATION',
        `int8 has an AUC of ${int8.toFixed(5)} on the ${rows.labels.length} rows for calibration, where f32 has ${f32.toFixed(5)}: more than ${AUC_TOLERANCE} apart; use precision bf16, or calibrate with more rows.`,
      );
    }
    return { engine, calibration: { rows: rows.labels.length, auc: { f32, int8 } } };
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

/** @throws UsageError ERR_PRECISION when a GPU was asked for by name */
export function expectCpu(device: DeviceChoice): void {
  if (!device.startsWith('cuda')) return;
  throw new UsageError(
    'ERR_PRECISION',
    `Precision int8 runs on the CPU alone; set device to cpu instead of ${device}, or precision to bf16.`,
  );
}

/** At most `count` rows, in blocks spread evenly over all of the data. */
export async function sampleRows(source: RecordBatchSource, count: number): Promise<CalibrationRows> {
  const { numDense, numTables } = source.facts;
  const wanted = Math.min(count, source.rows);
  const sample = allocateRows(wanted, numDense, numTables);
  const firstRows = source.batchRows.map((_, i) => source.batchRows.slice(0, i).reduce((a, b) => a + b, 0));
  let loaded: { readonly index: number; readonly batch: Rows } | undefined;
  for (let row = 0; row < wanted; ) {
    // Where the sample is all of the data this is `row` itself.
    let from = Math.floor((row / wanted) * source.rows);
    for (const end = row + Math.min(BLOCK_ROWS, wanted - row); row < end; ) {
      const index = firstRows.findLastIndex((first) => first <= from);
      if (loaded?.index !== index) {
        const batch = allocateRows(source.batchRows[index] as number, numDense, numTables);
        await source.readBatchInto(index, batch);
        loaded = { index, batch };
      }
      const at = from - (firstRows[index] as number);
      const taken = Math.min(end - row, loaded.batch.rows - at);
      copyRows(sample, row, loaded.batch, at, taken, numDense, numTables);
      row += taken;
      from += taken;
    }
  }
  return sample;
}

function copyRows(to: Rows, row: number, from: Rows, at: number, count: number, N: number, T: number): void {
  to.labels.set(from.labels.subarray(at, at + count), row);
  to.dense.set(from.dense.subarray(at * N, (at + count) * N), row * N);
  to.sparse.set(from.sparse.subarray(at * T, (at + count) * T), row * T);
}

function blocksOf({ labels, dense, sparse }: CalibrationRows, graph: GraphSpec): NativeBatch[] {
  const { numDense, numTables } = graph;
  return Array.from({ length: Math.ceil(labels.length / BLOCK_ROWS) }, (_, i) => {
    const [first, last] = [i * BLOCK_ROWS, (i + 1) * BLOCK_ROWS];
    return {
      labels: labels.subarray(first, last),
      dense: dense.subarray(first * numDense, last * numDense),
      sparse: sparse.subarray(first * numTables, last * numTables),
    };
  });
}

function aucOf(logits: Float32Array, labels: Uint8Array): number {
  const auc = areaUnderRoc(
    logits.filter((_, i) => labels[i] === 1),
    logits.filter((_, i) => labels[i] === 0),
  );
  if (auc !== undefined) return auc;
  throw new PssError(
    'ERR_QUANTIZATION',
    `All ${labels.length} rows for calibration have the same label, so they don't tell what int8 loses; calibrate with more rows.`,
  );
}
