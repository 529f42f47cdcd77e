#include "ops/fm_interaction/fm_interaction.h"

namespace pss {

FmInteraction::FmInteraction(const OpContext& context, const Tensor* slots, Tensor* out)
    : CpuOp(context),
      slots_(slots),
      out_(out),
      kernels_(choose_kernels(context.isa, kFmReference, kFmAvx2, kFmAvx512)),
      F_(slots->shape.front()),
      D_(slots->shape.back()) {}

void FmInteraction::forward_rows(const Batch&, int64_t first, int64_t last) {
  for (int64_t b = first; b < last; b++)
    out_->value[b] = kernels_.forward(slots_->value + b * slots_->ld, F_, D_);
}

void FmInteraction::backward_rows(const Batch&, int64_t first, int64_t last) {
  if (!slots_->gradient) return;
  for (int64_t b = first; b < last; b++) {
    const int64_t at = b * slots_->ld;
    kernels_.backward(slots_->gradient + at, slots_->value + at, out_->gradient[b], F_, D_);
  }
}

}  // namespace pss
