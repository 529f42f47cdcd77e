// Adds what the blocks of other kernels left: one thread an element, parts in order.
#include "backend/cuda/partial_sums_kernel.h"

extern "C" __global__ void __launch_bounds__(pss::kPartialSumsThreads)
    sum_partials(const __grid_constant__ pss::PartialSumsArguments a) {
  const pss::PartialSum& job = a.sums[blockIdx.y];
  const int i = blockIdx.x * pss::kPartialSumsThreads + threadIdx.x;
  if (i >= job.count) return;
  float sum = 0;
  for (int part = 0; part < job.parts; part++) sum += job.partials[part * job.stride + i];
  job.out[i] = sum;
}
