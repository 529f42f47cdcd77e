#include "ops/bce_loss/bce_loss_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/bce_loss/bce_loss_kernel.h"

namespace pss {

BceLossCuda::BceLossCuda(const CudaOpContext& context, const Tensor* logits, StepControl* control)
    : context_(context),
      logits_(logits),
      control_(control),
      terms_(context.device->kernel("bce_loss_kernel", "bce_terms")),
      finish_(context.device->kernel("bce_loss_kernel", "bce_finish")),
      sums_(blocks_for(context.max_batch, kBceThreads) * sizeof(double), *context.stream) {}

void BceLossCuda::run(const Batch& batch, double* losses) {
  const auto B = static_cast<int32_t>(batch.B);
  const unsigned blocks = blocks_for(batch.B, kBceThreads);
  launch(terms_, {.grid_x = blocks, .threads = kBceThreads}, *context_.stream,
         BceTermsArguments{logits_->gradient, sums_.as<double>(), logits_->value, batch.labels, B});
  launch(finish_, {.grid_x = 1, .threads = 32}, *context_.stream,
         BceFinishArguments{losses, control_, sums_.as<double>(), static_cast<int32_t>(blocks), B});
}

}  // namespace pss
