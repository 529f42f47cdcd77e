// The embedding lookup on a GPU: the contract of embedding.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/embedding/addressing.h"
#include "ops/op.h"

namespace pss {

class EmbeddingCuda : public Op {
 public:
  // As Embedding's; `memory` and the batch's pointers are the device's.
  EmbeddingCuda(const CudaOpContext& context, const Addressing& addressing, const float* memory,
                Tensor* slots);
  void forward(const Batch& batch) override;
  void backward(const Batch&) override {}
  const char* implementation() const override { return "cuda"; }

  const Addressing& addressing() const { return addressing_; }
  const float* memory() const { return memory_; }
  const Tensor& slots() const { return *slots_; }

 private:
  CudaOpContext context_;
  Addressing addressing_;
  const float* memory_;
  Tensor* slots_;
};

}  // namespace pss
