// The dot interaction on a GPU: the contract of dot_interaction.h.
#pragma once

#include "backend/cuda/cuda_context.h"
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
  const char* implementation() const override { return "cuda"; }

 private:
  CudaOpContext context_;
  const Tensor* bottom_;
  const Tensor* slots_;
  const EmbeddingCuda* fused_;
  Tensor* out_;
};

}  // namespace pss
