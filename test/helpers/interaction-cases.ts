import * as assert from 'uvu/assert';
import type { EngineOptions, NativeBatch, Trace } from '../../src/addon/addon-types.ts';
import { GraphBuilder, type TensorRef } from '../../src/graph/graph-builder.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';
import * as build from '../../src/graph/interactions.ts';
import * as define from './interaction-definitions.ts';
import { embeddingAttributes, given, NUM_DENSE, readTensor, withEngine } from './op-graphs.ts';
import { SeededRandom } from './seeded-random.ts';

const UNIFORM = { kind: 'uniform', bound: 0.9 } as const;

/** One interaction at one size, and what it is in float64. */
export interface InteractionCase {
  readonly name: string;
  readonly F: number;
  readonly D: number;
  /** From slots [B, F, D], or from them flattened by a layer where `flat` is set, [B, D]. */
  readonly make: (graph: GraphBuilder, input: TensorRef) => TensorRef;
  readonly definition: define.Definition;
  readonly flat?: boolean;
}

/** Every interaction over F slots of D floats. */
export const interactionCases = (F: number, D: number): InteractionCase[] => [
  { name: 'fm', F, D, make: (g, x) => build.fmInteraction(g, 'op', x), definition: define.fm(F, D) },
  {
    name: 'cross',
    F,
    D,
    flat: true,
    make: (g, x) => build.crossNetwork(g, 'op', x, 3),
    definition: define.cross(3),
  },
  {
    name: 'cross matrices',
    F,
    D,
    flat: true,
    make: (g, x) => build.crossMatrices(g, 'op', x, 2),
    definition: define.crossMatrix(2),
  },
  {
    name: 'cin',
    F,
    D,
    make: (g, x) => build.cin(g, 'op', x, [6, 4, 5]),
    definition: define.cin(F, D, [6, 4, 5]),
  },
  {
    name: 'attention',
    F,
    D,
    make: (g, x) => build.selfAttention(g, 'op', x, 2, 5),
    definition: define.attention(F, D, 2, 5),
  },
  {
    name: 'senet',
    F,
    D,
    make: (g, x) => build.senet(g, 'op', x, 3),
    definition: define.senet(F, D, 3),
  },
  ...(['interaction', 'each', 'all'] as const).map((kind) => ({
    name: `bilinear ${kind}`,
    F,
    D,
    make: (g: GraphBuilder, x: TensorRef) => build.bilinearInteraction(g, 'op', [x], kind),
    definition: define.bilinear(F, D, kind),
  })),
];

/** A graph that ends in the interaction, and the name of the tensor it reads. */
export function interactionGraphOf({ F, D, make, flat }: InteractionCase): {
  graph: GraphSpec;
  input: string;
} {
  const graph = new GraphBuilder(NUM_DENSE, F);
  const dense = graph.denseInput();
  const attributes = embeddingAttributes({ kind: 'hashednet', dim: D, memorySize: 999 });
  const slots = graph.embedding('slots', graph.sparseInput(), attributes, [UNIFORM]);
  if (!flat) return { graph: graph.buildPart(make(graph, slots)), input: 'slots' };
  const x = graph.linear('x', dense, D, 'none', { weight: UNIFORM });
  return { graph: graph.buildPart(make(graph, x)), input: 'x' };
}

interface Traced {
  readonly trace: Trace;
  readonly parameters: ReadonlyMap<string, Float32Array>;
}

async function traced(
  graph: GraphSpec,
  options: Partial<EngineOptions>,
  batch: NativeBatch,
  dout: Float32Array,
) {
  return withEngine(
    graph,
    { ...options, batchSize: batch.labels.length },
    async (engine): Promise<Traced> => {
      const trace = await engine.trace(batch, dout);
      const parameters = new Map<string, Float32Array>();
      for (const { name } of engine.parameters()) parameters.set(name, await readTensor(engine, name));
      return { trace, parameters };
    },
  );
}

/** Largest error of `actual`, relative to the largest expected value, and both by element on failure. */
function errorOf(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.is(actual.length, expected.length);
  const scale = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  return Array.from(expected).reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (actual[i] as number)) / scale),
    0,
  );
}

/** Σ dout·out over all rows, in float64. */
function score(
  definition: define.Definition,
  x: Float64Array,
  rows: number,
  parameters: Float64Array[],
  dout: Float32Array,
) {
  const width = x.length / rows;
  const outs = dout.length / rows;
  let sum = 0;
  for (let b = 0; b < rows; b++) {
    const out = definition(x.subarray(b * width, (b + 1) * width), parameters);
    for (const [i, value] of out.entries()) sum += value * (dout[b * outs + i] as number);
  }
  return sum;
}

/** Derivatives of `f` with respect to some elements of `values`, by central differences in float64. */
function differences(f: () => number, values: Float64Array, picks: readonly number[]): number[] {
  return picks.map((i) => {
    const value = values[i] as number;
    const step = 1e-6;
    values[i] = value + step;
    const above = f();
    values[i] = value - step;
    const below = f();
    values[i] = value;
    return (above - below) / (2 * step);
  });
}

const picked = (length: number, count: number) =>
  Array.from({ length: Math.min(length, count) }, (_, i) =>
    Math.floor((i * length) / Math.min(length, count)),
  );

/** Rows for an interaction's graph, and a gradient of its output. */
export function interactionBatch(one: InteractionCase, graph: GraphSpec, rows: number, random: SeededRandom) {
  const outputs = given(graph.tensors[graph.logits]).shape.reduce((a, b) => a * b, 1);
  const batch: NativeBatch = {
    labels: new Uint8Array(rows),
    dense: random.floats(rows * NUM_DENSE),
    sparse: random.ids(rows, new Array(one.F).fill(50)),
  };
  return { batch, dout: random.floats(rows * outputs) };
}

/**
 * Compares a forward and backward pass of each kind of engine with the float64 definition and its central differences.
 * @param allowed of each tensor's largest value. Unless given: a few hundred roundings of 2^-24 each, of either sign, in sums whose terms
 * are no larger than their largest results.
 */
export async function checkInteraction(
  one: InteractionCase,
  rows: number,
  seed: number,
  engines: readonly Partial<EngineOptions>[],
  allowed = 2e-5,
): Promise<void> {
  const { graph, input } = interactionGraphOf(one);
  const { batch, dout } = interactionBatch(one, graph, rows, new SeededRandom(seed + rows));
  const passes = await Promise.all(
    engines.map(async (options) => ({
      named: JSON.stringify(options),
      ...(await traced(graph, options, batch, dout)),
    })),
  );
  const first = passes[0] as Traced;
  const x = Float64Array.from(given(first.trace.values[input]));
  const names = [...first.parameters.keys()].filter((name) => name.startsWith('op'));
  const own = names.map((name) => Float64Array.from(given(first.parameters.get(name))));
  const expected: number[] = [];
  const width = x.length / rows;
  for (let b = 0; b < rows; b++) {
    expected.push(...one.definition(x.subarray(b * width, (b + 1) * width), own));
  }
  const outputName = given(graph.tensors[graph.logits]).name;
  const f = () => score(one.definition, x, rows, own, dout);
  const compare = (what: string, places: readonly number[] | undefined, wanted: readonly number[]) => {
    for (const { named, trace } of passes) {
      const all = given(
        what === outputName
          ? trace.values[what]
          : what === input
            ? trace.gradients[what]
            : trace.parameterGradients[what],
      );
      const error = errorOf(places ? places.map((i) => all[i] as number) : all, wanted);
      assert.ok(error <= allowed, `${named}: ${what} ${error}`);
    }
  };
  compare(outputName, undefined, expected);
  const picks = picked(x.length, 10);
  compare(input, picks, differences(f, x, picks));
  for (const p of picked(names.length, 6)) {
    const weights = own[p] as Float64Array;
    const places = picked(weights.length, 3);
    compare(names[p] as string, places, differences(f, weights, places));
  }
}
