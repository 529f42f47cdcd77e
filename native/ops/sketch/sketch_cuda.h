// Sketched embeddings on a GPU: the contract of sketch.h.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/sketch/sketch.h"
#include "ops/sketch/sketch_kernel.h"

namespace pss {

class SketchCuda : public Op {
 public:
  SketchCuda(const CudaOpContext& context, const SketchSpec& spec, int64_t id_columns,
             const Parameter* memory, Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return "cuda"; }

 private:
  SketchArguments arguments(const Batch& batch) const;

  CudaOpContext context_;
  SketchSpec spec_;
  int64_t id_columns_;
  const Parameter* memory_;
  Tensor* out_;
  CudaFunctionHandle forward_, backward_;
  CudaMemory columns_;
};

}  // namespace pss
