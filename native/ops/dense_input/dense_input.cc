#include "ops/dense_input/dense_input.h"

#include <cstring>

namespace pss {

void DenseInput::forward(const Batch& batch) {
  for (int64_t b = 0; b < batch.B; b++) {
    std::memcpy(out_->value + b * out_->ld, batch.dense + b * out_->cols, out_->cols * sizeof(float));
  }
}

}  // namespace pss
