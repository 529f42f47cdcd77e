#include "ops/gradient_sum/gradient_sum_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/gradient_sum/gradient_sum_kernel.h"

namespace pss {

GradientSumCuda::GradientSumCuda(const CudaOpContext& context, const Tensor* total,
                                 const std::vector<const float*>& parts)
    : context_(context),
      total_(total),
      count_(static_cast<int32_t>(parts.size())),
      parts_(upload(parts, *context.stream)),
      kernel_(context.device->kernel("gradient_sum_kernel", "gradient_sum")) {}

void GradientSumCuda::backward(const Batch& batch) {
  const GradientSumArguments arguments{total_->gradient, parts_.as<const float*>(), batch.B * total_->ld,
                                       count_};
  launch(kernel_,
         {.grid_x = blocks_for(arguments.floats, 4 * kGradientSumThreads), .threads = kGradientSumThreads},
         *context_.stream, arguments);
}

}  // namespace pss
