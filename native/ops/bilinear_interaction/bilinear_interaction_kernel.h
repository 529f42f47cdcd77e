// Arguments of bilinear_interaction_kernel.cu, and the sizes that host and device agree on.
#pragma once

#include <cstdint>

namespace pss {

enum class BilinearKind : int32_t { kInteraction, kEach, kAll };

// W [D, Dp], its padding zero.
struct BilinearMatrix {
  const float* value;
  float* gradient;
};

// One input.
struct BilinearArguments {
  float* out;          // [B, pairs, D]; null in the backward pass
  const float* dout;   // null in the forward pass
  const float* slots;  // [B, F, D]
  float* dslots;
  const BilinearMatrix* matrices;  // [matrices]
  float* transposed;               // [matrices, D, Dp]: W^T
  float* partials;                 // [parts, units, D, Dp]: dW of a unit (see the kernels), by block of rows
  int64_t out_ld, slots_ld;
  BilinearKind kind;
  int32_t B, F, D, Dp;
  int32_t samples;        // of a block
  int32_t sample_stride;  // floats between two samples in shared memory
  int32_t lanes;          // side by side along d: a power of two from 8 to 32
  int32_t first_part;     // of this input's
};

struct BilinearSumArguments {
  const BilinearMatrix* matrices;
  const float* partials;
  int64_t size;             // D*Dp
  int32_t parts, units;     // of partials
  int32_t units_of_matrix;  // that follow each other
};

constexpr int kBilinearThreads = 256;
constexpr int kBilinearSets = 8;    // samples of a thread at once
constexpr int kBilinearSplits = 4;  // blocks that share the samples of one
constexpr int kBilinearTile = 16;   // rows and columns of dW of a block
constexpr int kBilinearRows = 256;  // samples of a part of dW

// Shared memory for what a warp of the backward multiplies: kBilinearSets vectors for each group of lanes.
constexpr int64_t bilinear_scratch_floats(int lanes, int Dp) {
  return int64_t{kBilinearThreads} / lanes * kBilinearSets * Dp;
}

}  // namespace pss
