// Second order of a factorization machine on a GPU: the contract of fm_interaction.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/op.h"

namespace pss {

class FmInteractionCuda : public Op {
 public:
  FmInteractionCuda(const CudaOpContext& context, const Tensor* slots, Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  CudaOpContext context_;
  const Tensor* slots_;
  Tensor* out_;
  int32_t F_, D_;
  int32_t lanes_log2_;
  CudaMemory sums_;  // [max_batch, D]
  CudaFunctionHandle forward_, backward_;
};

}  // namespace pss
