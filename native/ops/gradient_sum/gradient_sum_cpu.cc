#include "ops/gradient_sum/gradient_sum.h"

namespace pss {

void GradientSum::backward_rows(const Batch&, int64_t first, int64_t last) {
  float* __restrict total = total_->gradient;
  for (const float* __restrict part : parts_) {
    for (int64_t i = first * total_->ld; i < last * total_->ld; i++) total[i] += part[i];
  }
}

}  // namespace pss
