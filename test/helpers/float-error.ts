import * as assert from 'uvu/assert';

/** Largest absolute difference of two arrays of one length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length} differ`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    // Not `>`: NaN must count.
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** Whether two float arrays hold the same bits. */
export function sameBits(a: Float32Array, b: Float32Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  );
}

/** Σ a·b in float64. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/**
 * Checks that tensors have the same names and lie within `relative` of each expected tensor's largest value.
 * @param least counts as the largest value of a tensor that has only smaller ones: a bias on its way through zero
 */
export function assertNear(
  actual: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
  relative: number,
  least = 0,
) {
  assert.equal([...actual.keys()], [...expected.keys()]);
  for (const [name, values] of expected) {
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), least);
    for (const [i, value] of values.entries()) {
      const error = Math.abs(value - (actual.get(name)?.[i] as number));
      assert.ok(error <= relative * scale, `${name}[${i}]: ${error} of ${scale}`);
    }
  }
}
