#include "ops/dense_input/dense_input.h"

namespace pss {

void DenseInput::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  for (int64_t b = first; b < last; b++) {
    const float* features = batch.dense + b * out_->cols;
    visit_rows(out_->values(), b, [&](auto* row) {
      for (int64_t i = 0; i < out_->cols; i++) assign(row[i], features[i]);
    });
  }
}

}  // namespace pss
