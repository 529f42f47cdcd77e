// Sums of what the blocks of a kernel left, in the order of the blocks: how gradients that every row adds to
// have the same bits every time.
#pragma once

#include <initializer_list>

#include "backend/cuda/cuda_context.h"
#include "backend/cuda/partial_sums_kernel.h"

namespace pss {

class PartialSums {
 public:
  explicit PartialSums(const CudaOpContext& context);
  // Queues up to four sums as one launch.
  void run(std::initializer_list<PartialSum> sums) const;

 private:
  const CudaStream* stream_;
  CudaFunctionHandle kernel_;
};

}  // namespace pss
