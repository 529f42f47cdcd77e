#include "ops/fm_interaction/fm_interaction.h"

namespace pss {

FmInteraction::FmInteraction(const OpContext& context, const Tensor* slots, Tensor* out)
    : CpuOp(context), slots_(slots), out_(out), F_(slots->shape.front()), D_(slots->shape.back()) {}

void FmInteraction::forward_rows(const Batch&, int64_t first, int64_t last) {
  const auto kernel = wide() ? fm_forward_avx512 : fm_forward_ref;
  for (int64_t b = first; b < last; b++) out_->value[b] = kernel(slots_->value + b * slots_->ld, F_, D_);
}

void FmInteraction::backward_rows(const Batch&, int64_t first, int64_t last) {
  if (!slots_->gradient) return;
  const auto kernel = wide() ? fm_backward_avx512 : fm_backward_ref;
  for (int64_t b = first; b < last; b++) {
    const int64_t at = b * slots_->ld;
    kernel(slots_->gradient + at, slots_->value + at, out_->gradient[b], F_, D_);
  }
}

}  // namespace pss
