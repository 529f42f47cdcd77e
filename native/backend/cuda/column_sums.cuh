// Sums of columns that a block's warps share, each warp having summed rows of its own.
#pragma once

#include "backend/cuda/quad.cuh"

namespace pss {

// Columns that a block takes: four a lane, blockIdx.x telling which.
constexpr int kSummedColumns = 128;

// Adds the warps' sums in order and stores those of columns before n in `out`, the block's own row.
template <int kWarps>
__device__ void store_column_sums(float* out, const float4& sum, int n) {
  __shared__ float4 sums[kWarps][kSummedColumns / 4];
  const int lane = threadIdx.x % 32;
  __syncthreads();
  sums[threadIdx.x / 32][lane] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  float4 total{};
  for (int warp = 0; warp < kWarps; warp++) add4(total, sums[warp][lane]);
  const int column = blockIdx.x * kSummedColumns + 4 * lane;
  if (column < n) store4(out + column, total, n - column);
}

}  // namespace pss
