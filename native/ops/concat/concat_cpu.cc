#include <cstring>

#include "base/error.h"
#include "ops/concat/concat.h"

namespace pss {

void check_concat(const std::vector<const Tensor*>& inputs, const Tensor& out) {
  int64_t cols = 0;
  for (const Tensor* input : inputs) cols += input->cols;
  if (cols != out.cols) {
    throw Error("ERR_GRAPH", "'" + out.name + "' has " + std::to_string(out.cols) +
                                 " columns, but its parts have " + std::to_string(cols) + ".");
  }
}

Concat::Concat(const OpContext& context, std::vector<const Tensor*> inputs, Tensor* out)
    : CpuOp(context), inputs_(std::move(inputs)), out_(out) {
  check_concat(inputs_, *out);
}

void Concat::forward_rows(const Batch&, int64_t first, int64_t last) {
  float* to = out_->value;
  for (const Tensor* input : inputs_) {
    const auto bytes = static_cast<size_t>(input->cols) * sizeof(float);
    for (int64_t b = first; b < last && input->value != to; b++) {
      std::memcpy(to + b * out_->ld, input->value + b * input->ld, bytes);
    }
    to += input->cols;
  }
}

void Concat::backward_rows(const Batch&, int64_t first, int64_t last) {
  const float* from = out_->gradient;
  for (const Tensor* input : inputs_) {
    const auto bytes = static_cast<size_t>(input->cols) * sizeof(float);
    for (int64_t b = first; b < last && input->gradient && input->gradient != from; b++) {
      std::memcpy(input->gradient + b * input->ld, from + b * out_->ld, bytes);
    }
    from += input->cols;
  }
}

}  // namespace pss
