// Arguments of projection_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

// A weight [D, d] of one slot and its gradient.
struct ProjectionWeight {
  const float* value;
  float* gradient;
  int64_t ld;
};

struct ProjectionArguments {
  float* packed;                    // [F, d, D]: the weights, transposed
  const ProjectionWeight* weights;  // [F]
  float* in;                        // [B, F, d], or its gradient
  const float* values;              // [B, F, d]: the input, for weight gradients
  float* out;                       // [B, F, D], or its gradient
  int64_t in_ld, out_ld;
  int32_t slots, d, D, B;
};

constexpr int kProjectionThreads = 128;

}  // namespace pss
