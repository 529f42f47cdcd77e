// Tensor-train contraction on a GPU: the contract of tensor_train.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/tensor_train/tensor_train.h"
#include "ops/tensor_train/tensor_train_kernel.h"

namespace pss {

class TensorTrainCuda : public Op {
 public:
  TensorTrainCuda(const CudaOpContext& context, const TrainShape& shape,
                  const std::array<const Tensor*, 3>& cores, Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  void run(CudaFunctionHandle kernel, unsigned shared_bytes, float* out, int64_t B);

  CudaOpContext context_;
  TrainShape shape_;
  std::array<const Tensor*, 3> cores_;
  Tensor* out_;
  unsigned bytes_;  // of H
  CudaFunctionHandle forward_, backward_;
};

}  // namespace pss
