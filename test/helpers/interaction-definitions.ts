/** The interactions' forward passes in float64, straight from the formulas of src/graph/interactions.ts, for one sample at a time. */

/** What a definition computes from: the slots' [F, D] or the input's [K] values of one sample, and parameters in the graph's order. */
export type Definition = (x: Float64Array, parameters: readonly Float64Array[]) => number[];

const at = (values: Float64Array, i: number) => values[i] as number;
const relu = (value: number) => Math.max(0, value);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

export const fm =
  (F: number, D: number): Definition =>
  (e) => [
    total(
      range(D).map((d) => {
        const column = range(F).map((f) => at(e, f * D + d));
        return (total(column) ** 2 - total(column.map((value) => value ** 2))) / 2;
      }),
    ),
  ];

export const cross =
  (layers: number): Definition =>
  (x0, parameters) => {
    const [weight, bias] = parameters as [Float64Array, Float64Array];
    const K = x0.length;
    let x = [...x0];
    for (let l = 0; l < layers; l++) {
      const s = total(x.map((value, k) => value * at(weight, l * K + k)));
      x = x.map((value, k) => at(x0, k) * s + at(bias, l * K + k) + value);
    }
    return x;
  };

export const crossMatrix =
  (layers: number): Definition =>
  (x0, parameters) => {
    const K = x0.length;
    let x = [...x0];
    for (let l = 0; l < layers; l++) {
      const [weight, bias] = parameters.slice(2 * l) as [Float64Array, Float64Array];
      const y = range(K).map((n) => at(bias, n) + total(x.map((value, k) => value * at(weight, n * K + k))));
      x = x.map((value, k) => at(x0, k) * (y[k] as number) + value);
    }
    return x;
  };

export const cin =
  (F: number, D: number, sizes: readonly number[]): Definition =>
  (e, parameters) => {
    let below = range(F).map((f) => [...e.subarray(f * D, (f + 1) * D)]);
    const out: number[] = [];
    for (const [l, size] of sizes.entries()) {
      const [weight, bias] = parameters.slice(2 * l) as [Float64Array, Float64Array];
      const inputs = below.length * F;
      const maps = range(size).map((n) =>
        range(D).map((d) => {
          const products = below.flatMap((map, h) =>
            range(F).map((m) => at(weight, n * inputs + h * F + m) * (map[d] as number) * at(e, m * D + d)),
          );
          return relu(at(bias, n) + total(products));
        }),
      );
      const on = l + 1 < sizes.length ? size / 2 : 0;
      out.push(...maps.slice(on).map(total));
      below = maps.slice(0, on);
    }
    return out;
  };

export const attention =
  (F: number, inputs: number, heads: number, dim: number): Definition =>
  (e, parameters) => {
    const A = heads * dim;
    const project = (weight: Float64Array, f: number, a: number) =>
      total(range(inputs).map((k) => at(e, f * inputs + k) * at(weight, a * inputs + k)));
    const [q, k, v, r] = parameters.map((weight) =>
      range(F).map((f) => range(A).map((a) => project(weight, f, a))),
    ) as [number[][], number[][], number[][], number[][]];
    return range(F).flatMap((f) =>
      range(A).map((a) => {
        const head = range(dim).map((i) => Math.floor(a / dim) * dim + i);
        const scores = range(F).map((g) =>
          total(head.map((i) => (q[f]?.[i] as number) * (k[g]?.[i] as number))),
        );
        const top = Math.max(...scores);
        const powers = scores.map((score) => Math.exp(score - top));
        const attended = total(powers.map((power, g) => power * (v[g]?.[a] as number))) / total(powers);
        return relu(attended + (r[f]?.[a] as number));
      }),
    );
  };

export const senet =
  (F: number, D: number, reduced: number): Definition =>
  (e, parameters) => {
    const [first, second] = parameters as [Float64Array, Float64Array];
    const means = range(F).map((f) => total([...e.subarray(f * D, (f + 1) * D)]) / D);
    const inner = range(reduced).map((h) => relu(total(means.map((z, f) => z * at(first, h * F + f)))));
    const scales = range(F).map((f) => relu(total(inner.map((a, h) => a * at(second, f * reduced + h)))));
    return [...e].map((value, i) => value * (scales[Math.floor(i / D)] as number));
  };

export const bilinear =
  (F: number, D: number, kind: 'interaction' | 'each' | 'all'): Definition =>
  (e, matrices) => {
    const out: number[] = [];
    let pair = 0;
    for (let i = 0; i < F; i++) {
      for (let j = i + 1; j < F; j++, pair++) {
        const matrix = matrices[{ interaction: pair, each: i, all: 0 }[kind]] as Float64Array;
        for (let d = 0; d < D; d++) {
          const t = total(range(D).map((k) => at(matrix, d * D + k) * at(e, i * D + k)));
          out.push(t * at(e, j * D + d));
        }
      }
    }
    return out;
  };
