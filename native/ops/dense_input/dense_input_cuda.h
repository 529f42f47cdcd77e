// The dense features of a batch as a tensor, on a GPU: the contract of dense_input.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/op.h"

namespace pss {

class DenseInputCuda : public Op {
 public:
  DenseInputCuda(const CudaOpContext& context, Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch&) override {}
  const char* implementation() const override { return "cuda"; }

 private:
  CudaOpContext context_;
  Tensor* out_;
  CudaFunctionHandle kernel_;
};

}  // namespace pss
