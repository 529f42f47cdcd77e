// Arguments of optimizer_kernel.cu.
#pragma once

#include <cstdint>

#include "backend/cuda/step_control.h"
#include "base/bf16.h"

namespace pss {

// A stretch of one parameter that one thread block updates.
struct DenseUpdateBlock {
  float* weights;
  const float* gradient;
  float* state0;  // null where the optimizer has none
  float* state1;
  Bf16* rounded;  // the weights again, as matrix products read them; null where they read float32
  int64_t count;  // a multiple of 4: parameters are padded to whole vectors
  float l2;       // of the parameter: see add_l2 of optimizer.h
};

// What doesn't change from step to step.
struct OptimizerConstants {
  float beta1, beta2, epsilon;
};

struct DenseUpdateArguments {
  const DenseUpdateBlock* blocks;  // in device memory, one for each thread block
  const StepControl* control;
  OptimizerConstants constants;
};

constexpr int kDenseUpdateThreads = 256;
constexpr int64_t kDenseUpdateFloats = 4096;  // of a block

}  // namespace pss
