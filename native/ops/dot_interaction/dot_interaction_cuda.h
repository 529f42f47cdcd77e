// The dot interaction on a GPU: the contract of dot_interaction.h.
#pragma once

#include "ops/dot_interaction/dot_interaction_kernel.h"
#include "ops/embedding/embedding_cuda.h"
#include "ops/op.h"

namespace pss {

class DotInteractionCuda : public Op {
 public:
  // As DotInteraction's.
  DotInteractionCuda(const CudaOpContext& context, const Tensor* bottom, const Tensor* slots,
                     const EmbeddingCuda* fused, Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return fused_ ? "cuda-fused" : "cuda"; }

 private:
  InteractionInputs inputs(const Batch& batch) const;

  CudaOpContext context_;
  const Tensor* bottom_;
  const Tensor* slots_;
  const EmbeddingCuda* fused_;
  Tensor* out_;
  InteractionInputs shape_;                  // without the batch's ids
  unsigned forward_bytes_, backward_bytes_;  // of shared memory
  CudaFunctionHandle forward_, backward_ = nullptr;
};

}  // namespace pss
