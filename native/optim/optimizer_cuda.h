// The optimizer over all parameters that have a gradient of their own shape, in one launch.
#pragma once

#include <vector>

#include "backend/cuda/cuda_context.h"
#include "optim/optimizer.h"
#include "optim/optimizer_kernel.h"

namespace pss {

class DenseUpdateCuda {
 public:
  // `parameters`: whole parameters; they are cut into blocks here. rowwise-adagrad is adagrad for them.
  DenseUpdateCuda(const CudaOpContext& context, const OptimizerSpec& spec,
                  const std::vector<DenseUpdateBlock>& parameters);
  // Learning rate and Adam's corrections are read from context.control.
  void apply();

 private:
  CudaOpContext context_;
  OptimizerSpec spec_;
  CudaFunctionHandle kernel_;
  unsigned count_;
  CudaMemory blocks_;
};

}  // namespace pss
