#include "ops/cross_combine/cross_combine_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/cross_combine/cross_combine.h"
#include "ops/cross_combine/cross_combine_kernel.h"

namespace pss {

namespace {

LaunchShape launch_shape(int64_t floats) {
  return {.grid_x = blocks_for(floats, 4 * kCrossCombineThreads), .threads = kCrossCombineThreads};
}

}  // namespace

CrossCombineCuda::CrossCombineCuda(const CudaOpContext& context, const Tensor* x0, const Tensor* y,
                                   const Tensor* x, Tensor* out)
    : context_(context),
      x0_(x0),
      y_(y),
      x_(x),
      out_(out),
      forward_(context.device->kernel("cross_combine_kernel", "cross_combine")),
      backward_(context.device->kernel("cross_combine_kernel", "cross_combine_backward")) {
  check_cross_combine(*x0, *y, *x, *out);
}

void CrossCombineCuda::forward(const Batch& batch) {
  const int64_t floats = batch.B * out_->ld;
  launch(forward_, launch_shape(floats), *context_.stream,
         CrossCombineArguments{out_->value, x0_->value, y_->value, x_->value, floats});
}

void CrossCombineCuda::backward(const Batch& batch) {
  const int64_t floats = batch.B * out_->ld;
  launch(backward_, launch_shape(floats), *context_.stream,
         CrossCombineBackwardArguments{x0_->gradient, y_->gradient, x_->gradient, out_->gradient, x0_->value,
                                       y_->value, floats});
}

}  // namespace pss
