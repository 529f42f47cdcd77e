// The embedding lookup on a GPU: the contract of embedding.h. Where the dot interaction gathers for itself,
// the slots aren't stored and there is nothing to do here.
#pragma once

#include "ops/embedding/addressing_cuda.h"
#include "ops/op.h"

namespace pss {

class EmbeddingCuda : public Op {
 public:
  // As Embedding's; `memory` and the batch's pointers are the device's.
  EmbeddingCuda(const CudaOpContext& context, const Addressing& addressing, const float* memory,
                Tensor* slots);
  void forward(const Batch& batch) override;
  void backward(const Batch&) override {}
  const char* implementation() const override { return slots_->value ? "cuda" : "cuda-fused"; }

  const AddressingCuda& addressing() const { return addressing_; }
  const float* memory() const { return memory_; }

 private:
  CudaOpContext context_;
  AddressingCuda addressing_;
  const float* memory_;
  Tensor* slots_;
  bool quads_;
  CudaFunctionHandle kernel_;
};

}  // namespace pss
