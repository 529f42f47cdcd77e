// Adding up gradients on a GPU: the contract of gradient_sum.h.
#pragma once

#include <vector>

#include "backend/cuda/cuda_context.h"
#include "ops/op.h"

namespace pss {

class GradientSumCuda : public Op {
 public:
  // As GradientSum's.
  GradientSumCuda(const CudaOpContext& context, const Tensor* total, const std::vector<const float*>& parts);
  void forward(const Batch&) override {}
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  CudaOpContext context_;
  const Tensor* total_;
  int32_t count_;
  CudaMemory parts_;
  CudaFunctionHandle kernel_;
};

}  // namespace pss
