// Inputs side by side on a GPU: the contract of concat.h.
#pragma once

#include <vector>

#include "backend/cuda/cuda_context.h"
#include "ops/op.h"

namespace pss {

class ConcatCuda : public Op {
 public:
  ConcatCuda(const CudaOpContext& context, const std::vector<const Tensor*>& inputs, Tensor* out);
  void forward(const Batch& batch) override { copy(join_, out_->value, batch.B); }
  void backward(const Batch& batch) override { copy(part_, out_->gradient, batch.B); }
  const char* implementation() const override { return count_ == 0 ? "none" : "cuda"; }

 private:
  void copy(CudaFunctionHandle kernel, float* whole, int64_t B);

  CudaOpContext context_;
  Tensor* out_;
  unsigned count_;  // parts that don't lie in the output already
  CudaMemory parts_;
  CudaFunctionHandle join_, part_;
};

}  // namespace pss
