/** Published numbers of the GPUs that kernels are modelled on, from NVIDIA's architecture white papers and data sheets. */

/** What a multiprocessor holds. */
const LIMITS = { registers: 65536, threads: 2048, blocks: 32, reservedSharedBytes: 1024 };

/** Rates in GFLOP/s, dense; bandwidth in GB/s. */
export const GPUS = [
  {
    name: 'A100',
    architecture: 80,
    limits: { ...LIMITS, sharedBytes: 164 * 1024 },
    bandwidth: 2039,
    gflops: { f32: 19_500, f64: 9_700, tf32: 156_000, f16: 312_000 },
  },
  {
    name: 'H100',
    architecture: 90,
    limits: { ...LIMITS, sharedBytes: 228 * 1024 },
    bandwidth: 3352,
    gflops: { f32: 66_900, f64: 33_500, tf32: 494_700, f16: 989_400 },
  },
];

/**
 * The share of a multiprocessor's threads that can be resident at once. Registers are given out to warps in units of 256, warps by
 * fours; shared memory in units of 128 bytes.
 * @param threads of a block
 * @param sharedBytes of a block, static and dynamic
 */
export function occupancy({ limits }, registers, threads, sharedBytes) {
  const warps = Math.ceil(threads / 32);
  const registersOfWarp = Math.ceil((registers * 32) / 256) * 256;
  const residentWarps = Math.floor(limits.registers / registersOfWarp / 4) * 4;
  const shared = Math.ceil((sharedBytes + limits.reservedSharedBytes) / 128) * 128;
  const blocks = Math.min(
    limits.blocks,
    Math.floor(limits.threads / (32 * warps)),
    Math.floor(residentWarps / warps),
    Math.floor(limits.sharedBytes / shared),
  );
  return (blocks * warps * 32) / limits.threads;
}

/** The least milliseconds that so much memory traffic and arithmetic take, and which of the two takes them. */
export function roofline(gpu, bytes, flops) {
  const memory = bytes / gpu.bandwidth / 1e6;
  const arithmetic = Object.entries(flops).reduce((sum, [unit, n]) => sum + n / gpu.gflops[unit] / 1e6, 0);
  return { milliseconds: Math.max(memory, arithmetic), bound: memory > arithmetic ? 'memory' : 'arithmetic' };
}
