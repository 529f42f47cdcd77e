import * as assert from 'uvu/assert';
import type { NativeBatch, NativeEngine, Trace } from '../../src/addon/addon-types.ts';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';

/** Two layers, so that the second one's input gradient can be seen in the first one's weights. */
export function twoLayers(hidden: number, outputs: number): GraphSpec {
  const graph = new GraphBuilder(13, 26);
  const init = { weight: { kind: 'normal', std: 0.3 }, bias: { kind: 'normal', std: 0.3 } } as const;
  const first = graph.linear('first', graph.denseInput(), hidden, 'relu', init);
  return graph.buildPart(graph.linear('second', first, outputs, outputs > 1 ? 'relu' : 'none', init));
}

/** Weights of one layer, as the engine has them. */
interface Layer {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly relu: boolean;
}

/** Both layers of `twoLayers`. */
async function readLayers(engine: NativeEngine, hidden: number, outputs: number): Promise<[Layer, Layer]> {
  const read = async (name: string, size: number) => {
    const values = new Float32Array(size);
    await engine.read(name, 0, values);
    return values;
  };
  return [
    { weight: await read('first.weight', hidden * 13), bias: await read('first.bias', hidden), relu: true },
    {
      weight: await read('second.weight', outputs * hidden),
      bias: await read('second.bias', outputs),
      relu: outputs > 1,
    },
  ];
}

/** One layer of the definition, in float64. */
function forward64(x: Float64Array, layer: Layer): Float64Array {
  const outputs = layer.bias.length;
  const inputs = layer.weight.length / outputs;
  const rows = x.length / inputs;
  const y = new Float64Array(rows * outputs);
  for (let b = 0; b < rows; b++) {
    for (let n = 0; n < outputs; n++) {
      let sum = layer.bias[n] as number;
      for (let k = 0; k < inputs; k++) sum += at(x, b * inputs + k) * at(layer.weight, n * inputs + k);
      y[b * outputs + n] = layer.relu ? Math.max(0, sum) : sum;
    }
  }
  return y;
}

/** Gradients of one layer, in float64. */
function backward64(x: Float64Array, y: Float64Array, dy: Float64Array, layer: Layer) {
  const outputs = layer.bias.length;
  const inputs = layer.weight.length / outputs;
  const rows = x.length / inputs;
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(layer.weight.length);
  const dbias = new Float64Array(outputs);
  for (let b = 0; b < rows; b++) {
    for (let n = 0; n < outputs; n++) {
      const dz = layer.relu && at(y, b * outputs + n) <= 0 ? 0 : at(dy, b * outputs + n);
      dbias[n] = at(dbias, n) + dz;
      for (let k = 0; k < inputs; k++) {
        dx[b * inputs + k] = at(dx, b * inputs + k) + dz * at(layer.weight, n * inputs + k);
        dweight[n * inputs + k] = at(dweight, n * inputs + k) + dz * at(x, b * inputs + k);
      }
    }
  }
  return { dx, dweight, dbias };
}

/** An element that is there. */
export function at(values: Float64Array | Float32Array, index: number): number {
  return values[index] as number;
}

/** Largest absolute difference. */
function largestError(actual: Float32Array | undefined, expected: Float64Array): number {
  assert.is(actual?.length, expected.length);
  return expected.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - at(actual as Float32Array, i))),
    0,
  );
}

/** A cotangent that differs everywhere and has both signs. */
export function cotangent(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(1 + 0.7 * i));
}

/** A tensor of a trace and its values by the definition, in float64. */
export type Expected = readonly [keyof Trace, string, Float64Array];

/** Everything that a trace of `twoLayers` must show, for weights read from `engine`. */
export async function expectedTrace(
  engine: NativeEngine,
  batch: NativeBatch,
  dout: Float32Array,
  hidden: number,
  outputs: number,
): Promise<Expected[]> {
  const [first, second] = await readLayers(engine, hidden, outputs);
  const x = Float64Array.from(batch.dense);
  const h = forward64(x, first);
  const y = forward64(h, second);
  const upper = backward64(h, y, Float64Array.from(dout), second);
  const lower = backward64(x, h, upper.dx, first);
  return [
    ['values', 'first', h],
    ['values', 'second', y],
    ['parameterGradients', 'second.weight', upper.dweight],
    ['parameterGradients', 'second.bias', upper.dbias],
    ['parameterGradients', 'first.weight', lower.dweight],
    ['parameterGradients', 'first.bias', lower.dbias],
  ];
}

/**
 * Checks a trace against the definition. Allowed is twice the plain reference's own rounding, and a few units in the last
 * place where that happens to be exact.
 */
export function assertTrace(actual: Trace, plain: Trace, expected: readonly Expected[], slack = 4e-7): void {
  for (const [kind, name, values] of expected) {
    const pick = (trace: Trace) => (trace[kind] as Record<string, Float32Array>)[name];
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const allowed = 2 * largestError(pick(plain), values) + slack * scale;
    const error = largestError(pick(actual), values);
    assert.ok(error <= allowed, `${name}: ${error} > ${allowed}`);
  }
}
