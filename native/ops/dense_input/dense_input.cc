#include "ops/dense_input/dense_input.h"

#include <cstring>

namespace pss {

void DenseInput::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  const auto bytes = static_cast<size_t>(out_->cols) * sizeof(float);
  for (int64_t b = first; b < last; b++) {
    std::memcpy(out_->value + b * out_->ld, batch.dense + b * out_->cols, bytes);
  }
}

}  // namespace pss
