// Argument of dense_input_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

struct DenseInputArguments {
  float* out;
  const float* dense;
  int64_t elements;  // B*N
  int32_t cols, ld;  // N, and floats between rows of out
};
constexpr unsigned kDenseInputThreads = 256;

}  // namespace pss
