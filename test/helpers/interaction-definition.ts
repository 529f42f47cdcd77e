import * as assert from 'uvu/assert';
import type { NativeBatch, Trace } from '../../src/addon/addon-types.ts';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { largestDifference } from './float-error.ts';
import { embeddingGraph, given, traceGraph } from './op-graphs.ts';

/** What the dot interaction gives, rows joined. */
export interface Interaction {
  readonly out: number[];
  readonly dbottom: number[];
  readonly dslots: number[];
}
type Round = (value: number) => number;

/** The definition, for vectors [rows, F + 1, D], every operation rounded by `round`: float64, or plain float32. */
export function defineInteraction(
  vectors: readonly number[][][],
  dout: Float32Array,
  round: Round,
): Interaction {
  const result: Interaction = { out: [], dbottom: [], dslots: [] };
  const width = dout.length / vectors.length;
  vectors.forEach((v, b) => {
    const bottom = given(v[0]);
    const gradient = [...dout.subarray(b * width, (b + 1) * width)];
    const dv = v.map((_, i) => (i === 0 ? gradient.slice(0, bottom.length) : bottom.map(() => 0)));
    const addTo = (i: number, weight: number, j: number): void => {
      dv[i] = given(dv[i]).map((sum, d) => round(sum + round(weight * (given(v[j])[d] as number))));
    };
    result.out.push(...bottom);
    let pair = bottom.length;
    for (let i = 1; i < v.length; i++) {
      for (let j = 0; j < i; j++, pair++) {
        const [x, y] = [given(v[i]), given(v[j])];
        result.out.push(x.reduce((sum, value, d) => round(sum + round(value * (y[d] as number))), 0));
        addTo(i, gradient[pair] as number, j);
        addTo(j, gradient[pair] as number, i);
      }
    }
    result.dbottom.push(...given(dv[0]));
    result.dslots.push(...dv.slice(1).flat());
  });
  return result;
}

/** The vectors [rows, F + 1, D] that the interaction reads, from the engine's bottom output and a plain lookup. */
export async function readVectors(
  attributes: EmbeddingAttributes,
  numTables: number,
  batch: NativeBatch,
  trace: Trace,
): Promise<number[][][]> {
  const rows = batch.labels.length;
  const { dim } = attributes;
  const lookup = await traceGraph(
    embeddingGraph(numTables, attributes),
    { isa: 'reference' },
    batch,
    new Float32Array(rows * numTables * dim),
  );
  const [bottom, slots] = [given(trace.values['bottom']), given(lookup.values['slots'])];
  return Array.from({ length: rows }, (_, b) => [
    [...bottom.subarray(b * dim, (b + 1) * dim)],
    ...Array.from({ length: numTables }, (_t, t) => {
      const first = (b * numTables + t) * dim;
      return [...slots.subarray(first, first + dim)];
    }),
  ]);
}

/** The same from a trace of `interactionGraph`. */
export const interactionOf = (trace: Trace): Interaction => ({
  out: [...given(trace.values['interaction'])],
  dbottom: [...given(trace.gradients['bottom'])],
  dslots: [...given(trace.gradients['slots'])],
});

/**
 * Checks a trace of `interactionGraph` against the float64 definition: allowed is twice the error of plain float32, and a few units
 * in the last place of the largest value, where the plain sum happens to be exact.
 */
export async function assertInteraction(
  trace: Trace,
  attributes: EmbeddingAttributes,
  numTables: number,
  batch: NativeBatch,
  dout: Float32Array,
  what: string,
): Promise<void> {
  const vectors = await readVectors(attributes, numTables, batch, trace);
  const exact = defineInteraction(vectors, dout, (value) => value);
  const plain = defineInteraction(vectors, dout, Math.fround);
  const found = interactionOf(trace);
  for (const part of ['out', 'dbottom', 'dslots'] as const) {
    const largest = Math.max(...exact[part].map(Math.abs));
    const allowed = 2 * largestDifference(plain[part], exact[part]) + 2 * largest * 2 ** -24;
    const error = largestDifference(found[part], exact[part]);
    assert.ok(error <= allowed, `${what} ${part}: ${error} > ${allowed}`);
  }
}
