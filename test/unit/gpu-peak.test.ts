import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Addon, GpuInfo } from '../../src/addon/addon-types.ts';
import { gpuPeak } from '../../src/bench/gpu-peak.ts';
import { runPss } from '../helpers/run-pss.ts';

const test = suite('rooflines of GPUs');

const A100: GpuInfo = {
  name: 'A100',
  computeCapability: 80,
  multiprocessors: 108,
  clockMhz: 1410,
  memoryGigabytesPerSecond: 2039,
  memoryBytes: 80e9,
};

const addonWith = (gpu: GpuInfo) => ({ gpu: () => gpu }) as unknown as Addon;

test('an A100 has its published 312 TFLOP/s in bf16, and a third of its 156 of TF32 in f32', () => {
  const bf16 = gpuPeak(addonWith(A100), 0, 'bf16').gflops;
  const f32 = gpuPeak(addonWith(A100), 0, 'f32').gflops;
  assert.ok(Math.abs(bf16 / 312_000 - 1) < 0.01, `${bf16}`);
  assert.ok(Math.abs(f32 / (156_000 / 3) - 1) < 0.01, `${f32}`);
});

test('without matrix units, plain multiply-adds count for both', () => {
  const turing = { ...A100, computeCapability: 75, multiprocessors: 40, clockMhz: 1590 };
  for (const precision of ['f32', 'bf16'] as const) {
    assert.ok(Math.abs(gpuPeak(addonWith(turing), 0, precision).gflops / 8141 - 1) < 0.01);
  }
});

test('a GPU of an unknown kind is refused, and so is a device that is none', () => {
  assert.throws(() => gpuPeak(addonWith({ ...A100, computeCapability: 61 }), 0, 'f32'), /capability 6.1/);
  const { code, stderr } = runPss(['bench', 'step', '--case', 'kaggle-128', '--device', 'tpu']);
  assert.is(code, 2);
  assert.match(stderr, /--device tpu is unknown; use cpu, cuda or cuda:N\./);
});

test.run();
