// Combining vectors on a GPU: the contract of combine.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/combine/combine.h"

namespace pss {

class CombineCuda : public Op {
 public:
  CombineCuda(const CudaOpContext& context, const CombineSpec& spec, int64_t id_columns, const Tensor* in,
              Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  CombineArguments arguments(const Batch& batch) const;

  CudaOpContext context_;
  CombineSpec spec_;
  int64_t id_columns_;
  const Tensor* in_;
  Tensor* out_;
  int64_t slots_;
  CudaFunctionHandle forward_, backward_;
  CudaMemory columns_;
};

}  // namespace pss
