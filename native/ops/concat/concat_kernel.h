// Arguments of concat_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

struct ConcatPart {
  float* value;     // rows `ld` apart
  float* gradient;  // null where nobody wants it
  int64_t ld;
  int32_t first;  // column of the whole where the part begins
  int32_t cols;
  int32_t quads;  // it begins and ends on groups of four floats
};

struct ConcatArguments {
  float* whole;             // [B, all columns], or its gradient
  const ConcatPart* parts;  // in device memory, one for each y of the grid
  int64_t ld;
  int32_t B;
};

constexpr int kConcatThreads = 256;

}  // namespace pss
