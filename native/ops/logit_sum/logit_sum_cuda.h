// The sum of a model's terms on a GPU: the contract of logit_sum.h, but for the order of a row's sum.
#pragma once

#include <vector>

#include "backend/cuda/cuda_context.h"
#include "ops/logit_sum/logit_sum_kernel.h"
#include "ops/op.h"

namespace pss {

class LogitSumCuda : public Op {
 public:
  LogitSumCuda(const CudaOpContext& context, const std::vector<const Tensor*>& inputs, const Parameter* bias,
               Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  LogitSumArguments arguments(int64_t B) const;

  CudaOpContext context_;
  const Parameter* bias_;
  Tensor* out_;
  int32_t count_;
  CudaMemory terms_;
  CudaFunctionHandle forward_, backward_;
};

}  // namespace pss
