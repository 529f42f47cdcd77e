// Joining slots on a GPU: the contract of join_slots.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/join_slots/join_slots.h"

namespace pss {

class JoinSlotsCuda : public Op {
 public:
  JoinSlotsCuda(const CudaOpContext& context, const JoinSpec& spec, std::vector<const Tensor*> inputs,
                Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  // Launches `kernel` for every input, between its values or its gradients and the output's.
  void copy(CudaFunctionHandle kernel, float* Tensor::* side, int64_t B);

  CudaOpContext context_;
  std::vector<const Tensor*> inputs_;
  Tensor* out_;
  CudaFunctionHandle join_, part_;
  CudaMemory places_;
};

}  // namespace pss
