/** A layer's parameters, weight [outputs, inputs] row by row. */
export interface FloatLayer {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** As the attributes of a `quantizedMlp` node. */
export interface Scales {
  readonly inputScale: readonly number[];
  readonly inputZero: readonly number[];
  readonly hiddenScale: readonly number[];
}

const f = Math.fround;

/**
 * The definition of native/ops/quantized_mlp/quantized_mlp.h, step by step in float32.
 * @param x [rows, inputs]
 * @returns [rows, outputs of the last layer]
 */
export function quantizedMlp(x: Float32Array, layers: readonly FloatLayer[], scales: Scales): Float32Array {
  let scale = Float32Array.from(scales.inputScale);
  let zero: Float32Array = Float32Array.from(scales.inputZero);
  const rows = x.length / scale.length;
  let q = x.map((value, i) => {
    const k = i % scale.length;
    const inverse = (scale[k] as number) > 0 ? f(1 / (scale[k] as number)) : 0;
    return toByte(f(f(value * inverse) + (zero[k] as number)));
  });
  let y = new Float32Array();
  let taken = 0;
  layers.forEach(({ weight, bias }, l) => {
    const [K, N] = [scale.length, bias.length];
    const last = l + 1 === layers.length;
    const outScale = last
      ? new Float32Array(N).fill(1)
      : Float32Array.from(scales.hiddenScale.slice(taken, taken + N));
    taken += N;
    y = new Float32Array(rows * N);
    for (let n = 0; n < N; n++) {
      const products = scale.map((s, k) => f((weight[n * K + k] as number) * s));
      const rowScale = f(products.reduce((most, each) => Math.max(most, Math.abs(each)), 0) / 127);
      const w8 = products.map((each) => (rowScale > 0 ? roundEven(f(each / rowScale)) : 0));
      const out = outScale[n] as number;
      const multiplier = out > 0 ? f(rowScale / out) : 0;
      const offset = out > 0 ? f((bias[n] as number) / out) : 0;
      for (let b = 0; b < rows; b++) {
        let sum = 0;
        for (let k = 0; k < K; k++)
          sum += (w8[k] as number) * ((q[b * K + k] as number) - (zero[k] as number));
        y[b * N + n] = f(f(f(sum) * multiplier) + offset);
      }
    }
    q = y.map(toByte);
    scale = outScale;
    zero = new Float32Array(N);
  });
  return y.map((value) => (value > 0 ? value : 0));
}

function toByte(value: number): number {
  return value > 0 ? roundEven(Math.min(value, 255)) : 0;
}

function roundEven(value: number): number {
  const low = Math.floor(value);
  const part = value - low;
  if (part === 0.5) return low % 2 === 0 ? low : low + 1;
  return part < 0.5 ? low : low + 1;
}
