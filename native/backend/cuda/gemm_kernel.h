// Argument of the gemm kernels, and the sizes that host and device agree on.
#pragma once

#include <cstdint>

namespace pss {

// C[m, n] = sum over k of A[m, k] * B[k, n], then (+ bias[n], ReLU) or (masked, summed by column).
struct GemmArguments {
  float* c;
  const float* a;
  const float* b;
  int64_t a_ld, b_ld, c_ld;  // floats between the rows in which each lies; multiples of 4
  int32_t m, n, k;
  int32_t k_per_split;   // a multiple of kGemmK; split z covers k in [z, z + 1) * k_per_split
  int64_t split_stride;  // floats between the results of two splits
  const float* bias;     // [n], or null
  const float* mask;     // like C, or null: C is zero where this isn't positive
  int64_t mask_ld;
  float* column_sums;  // [blocks of rows, sums_ld], or null: each block's sum of C's rows
  int64_t sums_ld;
  int32_t relu;
};

constexpr int kGemmK = 32;      // k of one pipeline stage
constexpr int kGemmStages = 3;  // stages in flight
constexpr int kGemmSmallTile = 64, kGemmLargeTile = 128;
constexpr int kGemmSmallThreads = 128, kGemmLargeThreads = 256;

constexpr int gemm_shared_bytes(int tile) {
  return kGemmStages * 2 * tile * kGemmK * static_cast<int>(sizeof(float));
}

}  // namespace pss
