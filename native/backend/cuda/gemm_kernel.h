// Argument of the gemm kernels, and the sizes that host and device agree on.
#pragma once

#include <cstdint>

namespace pss {

// C[m, n] = sum over k of A[m, k] * B[k, n], then (+ bias[n], ReLU) or (masked, summed by column). A and B
// are float32 in the f32 and tf32 kernels, bfloat16 in the bf16 kernels.
struct GemmArguments {
  void* c;
  const void* a;
  const void* b;
  int64_t a_ld, b_ld, c_ld;  // elements between the rows in which each lies; whole 16 bytes
  int32_t m, n, k;
  int32_t k_per_split;   // whole stages; split z covers k in [z, z + 1) * k_per_split
  int64_t split_stride;  // floats between the results of two splits
  const float* bias;     // [n], or null
  const void* mask;      // like C, or null: C is zero where this isn't positive
  int64_t mask_ld;
  float* column_sums;  // [blocks of rows, sums_ld], or null: each block's sum of C's rows
  int64_t sums_ld;
  int32_t relu;
  int32_t c_is_bf16;  // C and the mask are bfloat16, otherwise float32 (bf16 kernels; without splits)
};

constexpr int kGemmRowBytes = 128;  // of k in one pipeline stage: 32 floats, 64 bfloat16
constexpr int kGemmStages = 3;      // stages in flight
constexpr int kGemmSmallTile = 64, kGemmLargeTile = 128;
constexpr int kGemmSmallThreads = 128, kGemmLargeThreads = 256;

constexpr int gemm_shared_bytes(int tile) {
  return kGemmStages * 2 * tile * kGemmRowBytes;
}

}  // namespace pss
