// DCN's cross layers on a GPU: the contract of cross_network.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/cross_network/cross_network_kernel.h"
#include "ops/op.h"

namespace pss {

class CrossNetworkCuda : public Op {
 public:
  CrossNetworkCuda(const CudaOpContext& context, const Tensor* x, const Parameter* weight,
                   const Parameter* bias, Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  CrossLayers layers() const;

  CudaOpContext context_;
  const Tensor* x_;
  const Parameter* weight_;
  const Parameter* bias_;
  Tensor* out_;
  int32_t L_;
  CudaMemory bias_sums_, offsets_, factors_, slopes_, partials_;
  CudaFunctionHandle prepare_, forward_, backward_rows_, backward_columns_, gradients_;
};

}  // namespace pss
