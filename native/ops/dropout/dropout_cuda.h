// Dropout on a GPU: the contract of dropout.h. The step comes from the device's StepControl, so a captured
// step drops anew every time.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/dropout/dropout_kernel.h"
#include "ops/op.h"

namespace pss {

class DropoutCuda : public Op {
 public:
  // As Dropout's.
  DropoutCuda(const CudaOpContext& context, const Tensor* x, double rate, uint64_t seed, uint64_t layer,
              int64_t last_step, Tensor* y);
  void forward(const Batch& batch) override { run(y_->value, x_->value, batch.B); }
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  void run(float* to, const float* from, int64_t B);

  CudaOpContext context_;
  const Tensor* x_;
  Tensor* y_;
  DropoutArguments arguments_;  // but for the tensors and the batch's size
  CudaFunctionHandle kernel_;
};

}  // namespace pss
