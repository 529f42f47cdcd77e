// Arguments of tensor_train_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

struct TensorTrainArguments {
  const float* cores[3];  // gathered, [B, F, width]
  float* dcores[3];
  float* out;  // [B, F, D], or its gradient
  int64_t core_ld[3];
  int64_t out_ld;
  int32_t slots;
  int32_t r, d0, d1, d2;
};

constexpr int kTensorTrainThreads = 128;

}  // namespace pss
