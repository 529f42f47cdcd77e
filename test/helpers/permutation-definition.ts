import { philox4x32, seedKey } from '../../src/random/philox.ts';

/** What `Addon.permutation` is, word for word. */
export function permutationDefinition(
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
