import type { Addon } from '../addon/addon-types.ts';
import { UsageError } from '../errors.ts';
import type { Peak } from './gated-samples.ts';

/** Dense floating-point operations that one multiprocessor does a clock, a multiply-add counted as two. */
interface UnitRates {
  /** Plain float32 multiply-adds. */
  readonly f32: number;
  /** Matrix instructions on TF32, and on bfloat16 with float32 sums. */
  readonly tf32: number;
  readonly bf16: number;
}

/**
 * By compute capability, from NVIDIA's white papers: the published rate of the largest chip divided by its clock and
 * multiprocessors. GeForce cards of 8.6, 8.9 and 12.0 do half of the matrix rates.
 */
const RATES: Readonly<Record<number, UnitRates>> = {
  75: { f32: 128, tf32: 0, bf16: 0 },
  80: { f32: 128, tf32: 1024, bf16: 2048 },
  86: { f32: 256, tf32: 512, bf16: 1024 },
  89: { f32: 256, tf32: 512, bf16: 1024 },
  90: { f32: 256, tf32: 2048, bf16: 4096 },
  100: { f32: 256, tf32: 4096, bf16: 8192 },
  120: { f32: 256, tf32: 512, bf16: 1024 },
};

/**
 * The rate of a GPU's matrix products as its own attributes and the published rate of its kind give it. For float32 that is the
 * better of plain multiply-adds and a third of TF32's, since three TF32 products make a float32 one.
 * @throws ERR_CUDA when there is no such GPU, UsageError ERR_BENCH for a compute capability whose rates aren't known here
 */
export function gpuPeak(addon: Addon, deviceIndex: number, precision: 'f32' | 'bf16'): Peak {
  const gpu = addon.gpu(deviceIndex);
  const rates = RATES[gpu.computeCapability];
  if (!rates) {
    throw new UsageError(
      'ERR_BENCH',
      `The published rates of compute capability ${gpu.computeCapability / 10} (${gpu.name}) aren't known here; add them to src/bench/gpu-peak.ts.`,
    );
  }
  const float32 = Math.max(rates.f32, rates.tf32 / 3);
  const perClock = precision === 'bf16' ? Math.max(rates.bf16, float32) : float32;
  const gflops = (gpu.multiprocessors * gpu.clockMhz * perClock) / 1000;
  return { gflops, threads: 1, precision, gpu: deviceIndex };
}
