#include "ops/first_component/first_component_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/first_component/first_component_kernel.h"

namespace pss {

FirstComponentCuda::FirstComponentCuda(const CudaOpContext& context, const Tensor* slots, Tensor* out)
    : context_(context),
      slots_(slots),
      out_(out),
      forward_(context.device->kernel("first_component_kernel", "first_component")),
      backward_(context.device->kernel("first_component_kernel", "first_component_backward")) {}

void FirstComponentCuda::run(CudaFunctionHandle kernel, float* Tensor::* side, int64_t B) {
  launch(kernel, {.grid_x = blocks_for(B, kFirstComponentThreads / 32), .threads = kFirstComponentThreads},
         *context_.stream,
         FirstComponentArguments{out_->*side, slots_->*side, out_->ld, slots_->ld,
                                 make_divisor(slots_->shape.back()), static_cast<int32_t>(B),
                                 static_cast<int32_t>(out_->cols)});
}

}  // namespace pss
