// Squeeze and excitation on a GPU: the contract of senet.h.
#pragma once

#include "backend/cuda/partial_sums.h"
#include "ops/senet/senet.h"
#include "ops/senet/senet_kernel.h"

namespace pss {

class SenetCuda : public Op {
 public:
  // Throws ERR_GRAPH where a sample is larger than a block's shared memory.
  SenetCuda(const CudaOpContext& context, const Tensor* slots, const Parameter* first,
            const Parameter* second, Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  SenetArguments arguments(const Batch& batch, bool backward) const;
  // Warps of a block: as many samples as its shared memory holds.
  int32_t warps(bool backward) const;
  unsigned shared_bytes(bool backward) const;

  CudaOpContext context_;
  const Tensor* slots_;
  const Parameter* first_;
  const Parameter* second_;
  Tensor* out_;
  int32_t F_, D_, H_;
  CudaFunctionHandle forward_, backward_;
  PartialSums sums_;
  CudaMemory partials_;
};

}  // namespace pss
