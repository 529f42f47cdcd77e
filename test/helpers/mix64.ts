const WRAP = (1n << 64n) - 1n;
const GOLDEN = 0x9e3779b97f4a7c15n;

/** h(t, id, c) of the hash family mix64, by its definition in native/ops/embedding/addressing.h. */
export function mix64(seed: number, table: number, id: number, chunk: number): bigint {
  const key = mix(BigInt(seed) + BigInt(table + 1) * GOLDEN);
  return mix(mix(key ^ BigInt(id)) + BigInt(chunk + 1) * GOLDEN);
}

/** ⌊h·range / 2⁶⁴⌋ */
export function place(hash: bigint, range: number): number {
  return Number((hash * BigInt(range)) >> 64n);
}

function mix(value: bigint): bigint {
  let z = value & WRAP;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & WRAP;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & WRAP;
  return z ^ (z >> 31n);
}
