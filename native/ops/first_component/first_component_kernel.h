// Arguments of first_component_kernel.cu.
#pragma once

#include <cstdint>

#include "backend/cuda/divisor.h"

namespace pss {

struct FirstComponentArguments {
  float* out;    // [B, F], or its gradient; rows out_ld apart
  float* slots;  // [B, F, D], or their gradient; rows slots_ld apart
  int64_t out_ld, slots_ld;
  Divisor by_D;
  int32_t B, F;
};

constexpr int kFirstComponentThreads = 256;

}  // namespace pss
