// Compressed interaction network on a GPU: the contract of cin.h. Maps are kept as rows of all samples
// (cin_kernel.h); the backward puts their gradients in their place. With bfloat16 asked for, products take
// TF32.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "backend/cuda/partial_sums.h"
#include "ops/cin/cin.h"
#include "ops/cin/cin_kernel.h"

namespace pss {

class CinCuda : public Op {
 public:
  // Parameters: weight and bias of each layer. Throws ERR_GRAPH where the slots are more than a block's
  // shared memory holds.
  CinCuda(const CudaOpContext& context, const Tensor* slots, std::vector<const Parameter*> parameters,
          Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return tf32_ ? "cuda-mma-tf32" : "cuda-mma"; }

 private:
  CinRowsArguments rows_arguments(float* slots, float* rows, int64_t samples) const;
  CinOutputArguments output_arguments(size_t layer, int64_t first, int64_t samples) const;
  CinProductArguments product_arguments(size_t layer, int64_t samples) const;
  void forward_samples(int64_t first, int64_t samples);
  void weight_gradient(size_t layer, int64_t samples);
  // In how many parts a layer's dW is summed, by its sizes and those of the batch alone.
  int64_t parts(size_t layer, int64_t columns) const;
  float* maps_of(size_t layer) const { return hidden_.as<float>() + shape_.layers[layer].hidden * ld_; }

  CudaOpContext context_;
  const Tensor* slots_;
  std::vector<const Parameter*> parameters_;
  Tensor* out_;
  CinShape shape_;
  bool tf32_;
  int64_t samples_;  // at once
  int64_t ld_;       // floats between two maps
  CudaFunctionHandle columns_, pool_, forward_, spread_, bias_gradient_, weight_gradient_, input_gradient_,
      slots_back_;
  PartialSums sums_;
  CudaMemory rows_, drows_;  // [F, ld_]: the slots and their gradient
  CudaMemory hidden_;        // [maps, ld_]
  CudaMemory parts_;         // of the weights' gradient of a layer
};

}  // namespace pss
