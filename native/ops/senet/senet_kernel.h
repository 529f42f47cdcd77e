// Arguments of senet_kernel.cu, and the shared memory that host and device agree on.
#pragma once

#include <cstdint>

#include "backend/cuda/divisor.h"

namespace pss {

struct SenetArguments {
  float* out;         // [B, F, D]; the slots' gradient in the backward pass
  const float* dout;  // null in the forward pass
  const float* slots;
  const float* first;   // W1 [H, first_ld]
  const float* second;  // W2 [F, second_ld]
  float* partials;      // [blocks, H*first_ld + F*second_ld]: dW1 and dW2 of a block's samples
  int64_t slots_ld, out_ld;
  Divisor by_D;
  int32_t B, F, D, H;
  int32_t first_ld, second_ld;
  int32_t warps;  // of a block
};

constexpr int kSenetRows = 32;  // samples of a block
constexpr int kSenetMostWarps = 8;

// Rows are an odd number of floats apart, so that lanes on a row each are in different banks.
constexpr int senet_stride(int columns) {
  return columns | 1;
}
// Floats of shared memory: of a block (W1 and W2, then their gradients), and of a warp (slots, z, s, a; for
// the backward dout, ds, da too).
constexpr int64_t senet_block_floats(int F, int H, bool backward) {
  return int64_t{H} * senet_stride(F) + int64_t{F} * senet_stride(H) + (backward ? 2 * int64_t{F} * H : 0);
}
constexpr int64_t senet_warp_floats(int F, int D, int H, bool backward) {
  const int64_t vectors = int64_t{F} * senet_stride(D);
  return backward ? 2 * vectors + 3 * F + 2 * H : vectors + 2 * F + H;
}

}  // namespace pss
