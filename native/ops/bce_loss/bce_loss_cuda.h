// Mean binary cross-entropy with logits on a GPU: the contract of bce_loss.h, but the loss stays on the
// device.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/op.h"

namespace pss {

class BceLossCuda {
 public:
  // `control` is context.control, writable: the loss goes to losses[control->loss_index], and one that isn't
  // finite sets control->halted.
  BceLossCuda(const CudaOpContext& context, const Tensor* logits, StepControl* control);
  void run(const Batch& batch, double* losses);

 private:
  CudaOpContext context_;
  const Tensor* logits_;
  StepControl* control_;
  CudaFunctionHandle terms_, finish_;
  CudaMemory sums_;
};

}  // namespace pss
