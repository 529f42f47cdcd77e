// Arguments of bce_loss_kernel.cu.
#pragma once

#include <cstdint>

#include "backend/cuda/step_control.h"

namespace pss {

struct BceTermsArguments {
  float* dlogits;  // null without training
  double* sums;    // [blocks]: each block's part of the loss, not yet divided
  const float* logits;
  const uint8_t* labels;
  int32_t B;
};

struct BceFinishArguments {
  double* losses;  // the mean loss goes to losses[control->loss_index]
  StepControl* control;
  const double* sums;
  int32_t blocks;
  int32_t B;
};

constexpr int kBceThreads = 256;  // rows of a block

}  // namespace pss
