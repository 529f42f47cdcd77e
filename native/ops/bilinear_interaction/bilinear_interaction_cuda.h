// Bilinear interaction on a GPU: the contract of bilinear_interaction.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/bilinear_interaction/bilinear_interaction.h"

namespace pss {

class BilinearInteractionCuda : public Op {
 public:
  // Throws ERR_GRAPH where a sample is larger than a block's shared memory.
  BilinearInteractionCuda(const CudaOpContext& context, std::vector<const Tensor*> inputs,
                          const std::vector<const Parameter*>& matrices, BilinearKind kind, Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  BilinearArguments arguments(const Batch& batch, size_t input) const;
  unsigned shared_bytes(bool backward) const;

  CudaOpContext context_;
  std::vector<const Tensor*> inputs_;
  Tensor* out_;
  BilinearShape shape_;
  int32_t lanes_, sample_stride_, samples_;
  CudaFunctionHandle forward_, transpose_, input_gradient_, weight_gradient_, sum_gradient_;
  CudaMemory matrices_, transposed_, partials_;
};

}  // namespace pss
