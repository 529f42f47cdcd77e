// Arguments of linear_kernel.cu.
#pragma once

#include <cstdint>

#include "base/bf16.h"

namespace pss {

// Rows of x and dx are float32 for the kernels whose name ends in _f32, and bfloat16 for _bf16.

// One output: y[b] = act(sum_k x[b, k] * w[k] + bias).
struct DotRowsArguments {
  float* y;
  const void* x;
  const float* weights;
  const float* bias;  // or null
  int64_t x_ld;
  int32_t B, K;
  int32_t relu;
};

// Its backward, and sums over blocks of kLinearRows rows.
struct OuterRowsArguments {
  void* dx;            // null where x has no gradient
  float* dw_partials;  // [blocks, partials_ld]
  float* db_partials;  // [blocks]
  float* dx_sums;      // [blocks, partials_ld]: sums of dx by column; null unless asked for
  const float* dy;
  const float* y;  // null without ReLU
  const void* x;
  const float* weights;
  int64_t x_ld, partials_ld;
  int32_t B, K;
  int32_t mask_dx;  // dx is zero where x isn't positive
};

// dz = dy where y is positive, in place or as bfloat16 elsewhere, and dz's sums by column over blocks of
// rows.
struct MaskAndSumArguments {
  float* dy;
  Bf16* rounded;   // [B, ld]; null for in place
  const float* y;  // null without ReLU
  float* sums;     // [blocks, sums_ld]
  int64_t ld, sums_ld;
  int32_t B, N;
};

// out[i] = in[i], rounded.
struct RoundRowsArguments {
  Bf16* out;
  const float* in;
  int64_t count;  // whole quads
};

constexpr int kLinearThreads = 256;
constexpr int kLinearRows = 64;      // of a block
constexpr int kLinearColumns = 128;  // of a block: four a thread

}  // namespace pss
