// What changes from step to step and is read by kernels from device memory, so that a captured step can be
// launched again as it is. Included by device code.
#pragma once

#include <cstdint>

namespace pss {

struct StepControl {
  // Written by the host before every step.
  float learning_rate;
  float bias_correction1;  // Adam's 1 - beta1^t, 1 where unused
  float bias_correction2;
  int32_t loss_index;  // where the step's loss goes
  int64_t step;        // of training, from 1; 0 when predicting, which drops nothing
  // Written by the loss: 1 once a loss wasn't finite. Updates then leave every parameter as it is.
  int32_t halted;
};

// The part that the host writes.
constexpr int kStepInputBytes = 24;

}  // namespace pss
