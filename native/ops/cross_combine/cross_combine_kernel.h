// Arguments of cross_combine_kernel.cu. All tensors have rows of one length, which follow each other.
#pragma once

#include <cstdint>

namespace pss {

struct CrossCombineArguments {
  float* out;
  const float *x0, *y, *x;
  int64_t floats;
};

struct CrossCombineBackwardArguments {
  float *dx0, *dy, *dx;  // each null where nobody wants it
  const float *dout, *x0, *y;
  int64_t floats;
};

constexpr int kCrossCombineThreads = 256;

}  // namespace pss
