// total += parts[0] + parts[1] + ..., one after the other: see gradient_sum.h. Four floats a thread; rounded
// as on the CPU: the same bits. Reads every part and the total once, writes the total.
#include "backend/cuda/quad.cuh"
#include "ops/gradient_sum/gradient_sum_kernel.h"

extern "C" __global__ void __launch_bounds__(pss::kGradientSumThreads)
    gradient_sum(const pss::GradientSumArguments a) {
  const int64_t i = 4 * (int64_t{blockIdx.x} * pss::kGradientSumThreads + threadIdx.x);
  if (i >= a.floats) return;
  // Buffers are whole vectors, so a quad may be read where the last floats are fewer.
  float4 sum = pss::load4(a.total + i);
  for (int p = 0; p < a.count; p++) pss::add4(sum, pss::load4(a.parts[p] + i));
  pss::store4(a.total + i, sum, static_cast<int>(min(a.floats - i, int64_t{4})));
}
