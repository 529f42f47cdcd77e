// Arguments of fm_interaction_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

struct FmArguments {
  float* out;          // [B]
  float* sums;         // [B, D]: s, for the backward pass; null without training
  const float* slots;  // [B, F, D], rows slots_ld apart
  int64_t slots_ld;
  int32_t B, F, D;
  int32_t lanes_log2;  // lanes that take a slot together
};

struct FmBackwardArguments {
  float* dslots;  // rows slots_ld apart
  const float* dout;
  const float* sums;
  const float* slots;
  int64_t slots_ld;
  int32_t B, F, D;
  int32_t lanes_log2;
};

constexpr int kFmThreads = 256;

}  // namespace pss
