#include "ops/dropout/dropout_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/dropout/dropout.h"

namespace pss {

DropoutCuda::DropoutCuda(const CudaOpContext& context, const Tensor* x, double rate, uint64_t seed,
                         uint64_t layer, int64_t last_step, Tensor* y)
    : context_(context),
      x_(x),
      y_(y),
      arguments_{},
      kernel_(context.device->kernel("dropout_kernel", "dropout")) {
  check_dropout(*x, rate, *y);
  arguments_.control = context.control;
  arguments_.seed = seed;
  arguments_.layer_stream = dropout_stream(layer);
  arguments_.last_step = last_step;
  arguments_.by_groups = make_divisor(dropout_groups(*x));
  arguments_.ld = static_cast<int32_t>(x->ld);
  arguments_.threshold = dropout_threshold(rate);
  arguments_.scale = dropout_scale(rate);
}

void DropoutCuda::run(float* to, const float* from, int64_t B) {
  DropoutArguments a = arguments_;
  a.to = to;
  a.from = from;
  a.groups = static_cast<uint32_t>(B) * a.by_groups.value;
  launch(kernel_,
         {.grid_x = blocks_for(a.groups, kDropoutThreads / kDropoutLanes), .threads = kDropoutThreads},
         *context_.stream, a);
}

void DropoutCuda::backward(const Batch& batch) {
  if (x_->gradient) run(x_->gradient, y_->gradient, batch.B);
}

}  // namespace pss
