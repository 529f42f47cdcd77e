// First components of slots on a GPU: the contract of first_component.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/op.h"

namespace pss {

class FirstComponentCuda : public Op {
 public:
  FirstComponentCuda(const CudaOpContext& context, const Tensor* slots, Tensor* out);
  void forward(const Batch& batch) override { run(forward_, &Tensor::value, batch.B); }
  void backward(const Batch& batch) override { run(backward_, &Tensor::gradient, batch.B); }
  const char* implementation() const override { return "cuda"; }

 private:
  // Between the values or the gradients of both tensors.
  void run(CudaFunctionHandle kernel, float* Tensor::* side, int64_t B);

  CudaOpContext context_;
  const Tensor* slots_;
  Tensor* out_;
  CudaFunctionHandle forward_, backward_;
};

}  // namespace pss
