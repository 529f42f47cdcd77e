import type { SeededRandom } from '../helpers/seeded-random.ts';

/** Numbers at which lengths, counts and offsets go wrong. */
const EDGES = [
  0n,
  1n,
  7n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const TEXTS = ['0', '-1', '1e308', '9007199254740993', '[]', '{}', 'null', '""', '"F32"', '__proto__', ','];
const MOST_BYTES = 1 << 15;

type Mutation = (bytes: Buffer, random: SeededRandom, other: Uint8Array) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    bytes[place(bytes, random)] = random.below(256);
    return bytes;
  },
  (bytes, random) => {
    const at = place(bytes, random);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  (bytes, random) => {
    const width = [1, 2, 4, 8][random.below(4)] ?? 1;
    const edge = EDGES[random.below(EDGES.length)] ?? 0n;
    if (bytes.length < width) return bytes;
    const at = random.below(bytes.length - width + 1);
    for (let i = 0; i < width; i++) bytes[at + i] = Number((edge >> BigInt(8 * i)) & 0xffn);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  (bytes, random, other) => {
    const [from, to] = range(other, random);
    const at = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at + to - from)]);
  },
  (bytes, random) => {
    const text = Buffer.from(TEXTS[random.below(TEXTS.length)] ?? '');
    const at = random.below(bytes.length + 1);
    const over = random.below(2) * text.length;
    return Buffer.concat([bytes.subarray(0, at), text, bytes.subarray(at + over)]);
  },
];

/** A copy of `bytes`, changed in one to four ways; `other` gives material to mix in. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: SeededRandom): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let times = 1 + random.below(4); times > 0; times--) {
    const change = MUTATIONS[random.below(MUTATIONS.length)] as Mutation;
    result = change(result, random, other);
  }
  return result.subarray(0, MOST_BYTES);
}

function place(bytes: Uint8Array, random: SeededRandom): number {
  return random.below(Math.max(1, bytes.length));
}

function range(bytes: Uint8Array, random: SeededRandom): [number, number] {
  const from = random.below(bytes.length + 1);
  return [from, Math.min(bytes.length, from + random.below(64))];
}
