#include <algorithm>

#include "ops/first_component/first_component.h"

namespace pss {

void FirstComponent::forward_rows(const Batch&, int64_t first, int64_t last) {
  for (int64_t b = first; b < last; b++) {
    const float* slots = slots_->value + b * slots_->ld;
    float* out = out_->value + b * out_->ld;
    for (int64_t f = 0; f < out_->cols; f++) out[f] = slots[f * D_];
  }
}

void FirstComponent::backward_rows(const Batch&, int64_t first, int64_t last) {
  for (int64_t b = first; b < last; b++) {
    float* dslots = slots_->gradient + b * slots_->ld;
    const float* dout = out_->gradient + b * out_->ld;
    std::fill_n(dslots, slots_->cols, 0.0f);
    for (int64_t f = 0; f < out_->cols; f++) dslots[f * D_] = dout[f];
  }
}

}  // namespace pss
