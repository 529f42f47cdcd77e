#include "ops/fm_interaction/fm_interaction_cuda.h"

#include <string>

#include "backend/cuda/launch.h"
#include "ops/embedding/addressing_cuda.h"
#include "ops/fm_interaction/fm_interaction_kernel.h"

namespace pss {

FmInteractionCuda::FmInteractionCuda(const CudaOpContext& context, const Tensor* slots, Tensor* out)
    : context_(context),
      slots_(slots),
      out_(out),
      F_(static_cast<int32_t>(slots->shape.front())),
      D_(static_cast<int32_t>(slots->shape.back())) {
  const bool quads = D_ % 4 == 0;
  const std::string variant = quads ? "quads" : "floats";
  lanes_log2_ = lanes_log2(quads ? D_ / 4 : D_);
  forward_ = context.device->kernel("fm_interaction_kernel", "fm_forward_" + variant);
  backward_ = context.device->kernel("fm_interaction_kernel", "fm_backward_" + variant);
  if (!context.training) return;
  sums_ = CudaMemory(static_cast<size_t>(context.max_batch * D_) * sizeof(float), *context.stream);
}

void FmInteractionCuda::forward(const Batch& batch) {
  launch(forward_, {.grid_x = blocks_for(batch.B, kFmThreads / 32), .threads = kFmThreads}, *context_.stream,
         FmArguments{out_->value, sums_.as<float>(), slots_->value, slots_->ld, static_cast<int32_t>(batch.B),
                     F_, D_, lanes_log2_});
}

void FmInteractionCuda::backward(const Batch& batch) {
  if (!slots_->gradient) return;
  launch(backward_, {.grid_x = blocks_for(batch.B, kFmThreads / 32), .threads = kFmThreads}, *context_.stream,
         FmBackwardArguments{slots_->gradient, out_->gradient, sums_.as<float>(), slots_->value, slots_->ld,
                             static_cast<int32_t>(batch.B), F_, D_, lanes_log2_});
}

}  // namespace pss
