// Arguments of partial_sums_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

// out[i] = partials[0][i] + partials[1][i] + ..., in this order.
struct PartialSum {
  float* out;
  const float* partials;
  int64_t stride;  // floats between two parts
  int32_t count, parts;
};
struct PartialSumsArguments {
  PartialSum sums[4];  // one for each y of the grid
};

constexpr int kPartialSumsThreads = 256;

}  // namespace pss
