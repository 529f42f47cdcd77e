// What DCN-v2's cross layer adds to its product, on a GPU: the contract of cross_combine.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/op.h"

namespace pss {

class CrossCombineCuda : public Op {
 public:
  CrossCombineCuda(const CudaOpContext& context, const Tensor* x0, const Tensor* y, const Tensor* x,
                   Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  CudaOpContext context_;
  const Tensor *x0_, *y_, *x_;
  Tensor* out_;
  CudaFunctionHandle forward_, backward_;
};

}  // namespace pss
