import type { Isa } from '../../src/addon/addon-types.ts';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { embeddingGraph, given, NUM_DENSE, withEngine } from './op-graphs.ts';

/** Floats of M that every lookup reads, [rows, T * D]: M is filled with its own indices, exact below 2²⁴. */
export function addresses(
  attributes: EmbeddingAttributes,
  numTables: number,
  ids: Uint32Array,
  isa: Isa | 'auto',
): Promise<Float32Array> {
  const rows = ids.length / numTables;
  const batch = { labels: new Uint8Array(rows), dense: new Float32Array(rows * NUM_DENSE), sparse: ids };
  return withEngine(embeddingGraph(numTables, attributes), { batchSize: rows, isa }, async (engine) => {
    const name = given(engine.parameters()[0]).name;
    await engine.write(
      name,
      0,
      Float32Array.from({ length: attributes.memorySize }, (_, i) => i),
    );
    return given(
      (await engine.trace(batch, new Float32Array(rows * numTables * attributes.dim))).values['slots'],
    );
  });
}

/** Chi-square of values over [0, cells) against the uniform distribution, in standard deviations from its mean. */
export function chiSquareDeviation(values: ArrayLike<number>, cells: number): number {
  const counts = new Float64Array(cells);
  for (let i = 0; i < values.length; i++) {
    const cell = values[i] as number;
    counts[cell] = (counts[cell] as number) + 1;
  }
  const expected = values.length / cells;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return (chiSquare - (cells - 1)) / Math.sqrt(2 * (cells - 1));
}
