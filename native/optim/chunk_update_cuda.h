// Applies the gradient of a shared array on a GPU: the contract of chunk_update.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/embedding/addressing.h"
#include "optim/optimizer.h"

namespace pss {

class ChunkUpdateCuda {
 public:
  ChunkUpdateCuda(const CudaOpContext& context, const Addressing& addressing, const OptimizerSpec& spec,
                  bool dense);
  // All pointers are the device's; `ids` is the batch's [B, T]. Learning rate, Adam's corrections and
  // `halted` (then nothing may change) are read by the kernels from context.control.
  void apply(float* memory, float* state0, float* state1, const uint32_t* ids, const float* dslots,
             int64_t ld, int64_t B);

 private:
  CudaOpContext context_;
  Addressing addressing_;
  OptimizerSpec spec_;
  bool dense_;
};

}  // namespace pss
