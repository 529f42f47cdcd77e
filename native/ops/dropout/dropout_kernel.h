// Argument of dropout_kernel.cu.
#pragma once

#include <cstdint>

#include "backend/cuda/divisor.h"
#include "backend/cuda/step_control.h"

namespace pss {

struct DropoutArguments {
  float* to;  // [B, ld]
  const float* from;
  const StepControl* control;  // the step
  uint64_t seed;
  uint64_t layer_stream;  // added to the step
  int64_t last_step;      // that drops; 0 for all
  Divisor by_groups;      // groups of 64 elements of a row
  uint32_t groups;        // of all rows
  int32_t ld;
  uint32_t threshold;
  float scale;
};

constexpr int kDropoutThreads = 256;
constexpr int kDropoutLanes = 16;  // of a group: four elements each

}  // namespace pss
