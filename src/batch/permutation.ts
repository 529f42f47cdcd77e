import { philox4x32, seedKey } from '../random/philox.ts';

/**
 * A random permutation of 0..length-1 (Fisher–Yates), the same for the same seed and stream.
 * A place is drawn as ⌊u·n⌋ with u a 32-bit fraction, so each is hit with probability 1/n to within 2⁻³².
 * @param seed an integer from 0 to 2⁵³ − 1
 * @param stream three 32-bit numbers that tell this permutation from every other of the same seed
 */
export function permutation(
  length: number,
  seed: number,
  stream: readonly [number, number, number],
): Uint32Array {
  const order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  const key = seedKey(seed);
  const words = new Uint32Array(4);
  for (let left = length, drawn = 0; left > 1; left--, drawn++) {
    if (drawn % 4 === 0) philox4x32(words, [drawn / 4, ...stream], key);
    const chosen = Math.floor(((words[drawn % 4] as number) / 2 ** 32) * left);
    const last = order[left - 1] as number;
    order[left - 1] = order[chosen] as number;
    order[chosen] = last;
  }
  return order;
}
