// Marks of floats that got no gradient, and rows that share an accumulator, on the device.
#pragma once

#include "optim/chunk_update_kernel.h"
#include "optim/optimizer_rules.cuh"

namespace pss {

// kUntouched of optimizer.h: sums of addends that went through `+ 0` never yield it.
__device__ inline float untouched() {
  return __uint_as_float(0x80000000u);
}
__device__ inline bool is_touched(float gradient) {
  return __float_as_uint(gradient) != 0x80000000u;
}

// rowwise-adagrad over one row of n floats by one warp, in the order of the CPU's sums: sixteen interleaved
// parts, then one after the other. `left` is what the gradient holds afterwards.
__device__ inline void update_row(const MemoryTarget& target, float* gradient, int64_t row, int n,
                                  float learning_rate, float left) {
  constexpr int kParts = 16;
  const int lane = threadIdx.x % 32;
  float* weights = target.memory + row * target.row_floats;
  // Floats of the row that nothing touched have gradient zero.
  const auto gradient_of = [&](int i) {
    const float g = gradient[i];
    return is_touched(g) ? with_l2(g, weights[i], target.l2) : 0.0f;
  };
  float part = 0;
  for (int i = lane; lane < kParts && i < n; i += kParts) {
    const float g = gradient_of(i);
    part += g * g;
  }
  float squares = 0;
  for (int k = 0; k < kParts; k++) squares += __shfl_sync(0xffffffffu, part, k);
  float sum = 0;
  if (lane == 0) {
    sum = target.state0[row] + squares / static_cast<float>(n);
    target.state0[row] = sum;
  }
  sum = __shfl_sync(0xffffffffu, sum, 0);
  const float rate = learning_rate / (sqrtf(sum) + target.constants.epsilon);
  __syncwarp();
  for (int i = lane; i < n; i += 32) {
    weights[i] -= rate * gradient_of(i);
    gradient[i] = left;
  }
}

}  // namespace pss
