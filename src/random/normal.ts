import { philox4x32, seedKey } from './philox.ts';

/**
 * Independent standard normals (Box and Muller), a function of seed, stream and index alone.
 * @param seed 0 to 2⁵³ − 1
 * @param stream 0 to 2³² − 1; different streams of one seed share nothing
 */
export function fillNormal(out: Float64Array, seed: number, stream: number): void {
  const key = seedKey(seed);
  const words = new Uint32Array(4);
  for (let i = 0; i < out.length; i++) {
    if (i % 2 === 0) philox4x32(words, [i / 2, Math.floor(i / 2 / 2 ** 32), stream, 0], key);
    const u = ((words[2 * (i % 2)] as number) + 0.5) / 2 ** 32;
    const v = (words[2 * (i % 2) + 1] as number) / 2 ** 32;
    out[i] = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  }
}
