// Argument of gradient_sum_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

struct GradientSumArguments {
  float* total;
  const float* const* parts;  // [count], in device memory
  int64_t floats;
  int32_t count;
};

constexpr int kGradientSumThreads = 256;

}  // namespace pss
