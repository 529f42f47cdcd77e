// Projection on a GPU: the contract of projection.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/projection/projection.h"
#include "ops/projection/projection_kernel.h"

namespace pss {

class ProjectionCuda : public Op {
 public:
  ProjectionCuda(const CudaOpContext& context, std::vector<const Parameter*> weights, const Tensor* in,
                 Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  ProjectionArguments arguments(int64_t B) const;
  unsigned weight_blocks() const;

  CudaOpContext context_;
  const Tensor* in_;
  Tensor* out_;
  CudaFunctionHandle pack_, forward_, backward_, gradient_;
  CudaMemory weights_, packed_;
};

}  // namespace pss
