#include <cstring>

#include "base/error.h"
#include "ops/dropout/dropout.h"

namespace pss {

void check_dropout(const Tensor& x, double rate, const Tensor& y) {
  if (!(rate > 0 && rate < 1)) throw Error("ERR_GRAPH", "'" + y.name + "' needs a rate between 0 and 1.");
  if (x.ld != y.ld || x.ld % kVector != 0)
    throw Error("ERR_GRAPH", "The input of '" + y.name + "' isn't padded as its output is.");
}

uint32_t dropout_threshold(double rate) {
  return static_cast<uint32_t>(rate * 4294967296.0);
}

float dropout_scale(double rate) {
  return static_cast<float>(1 / (1 - rate));
}

uint64_t dropout_stream(uint64_t layer) {
  return (layer + 1) << 48;
}

int64_t dropout_groups(const Tensor& x) {
  return (x.ld + 63) / 64;
}

Dropout::Dropout(const OpContext& context, const Tensor* x, double rate, uint64_t seed, uint64_t layer,
                 int64_t last_step, Tensor* y)
    : CpuOp(context),
      x_(x),
      y_(y),
      kernels_(choose_kernels(context.isa, kDropoutReference, kDropoutAvx2, kDropoutAvx512)),
      key_{seed, 0, dropout_threshold(rate)},
      layer_(layer),
      last_step_(last_step),
      scale_(dropout_scale(rate)),
      groups_(dropout_groups(*x)) {
  check_dropout(*x, rate, *y);
  if (context.training) masks_ = AlignedBuffer<uint64_t>(static_cast<size_t>(context.max_batch * groups_));
}

void Dropout::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  const int64_t ld = x_->ld;
  if (!drops(batch)) {
    const auto bytes = static_cast<size_t>((last - first) * ld) * sizeof(float);
    std::memcpy(y_->value + first * ld, x_->value + first * ld, bytes);
    return;
  }
  DropoutKey key = key_;
  key.stream = static_cast<uint64_t>(batch.step) + dropout_stream(layer_);
  for (int64_t b = first; b < last; b++) {
    uint64_t* masks = masks_.data() + b * groups_;
    for (int64_t g = 0; g < groups_; g++)
      masks[g] = kernels_.mask(static_cast<uint64_t>(b * groups_ + g), key);
    kernels_.apply(y_->value + b * ld, x_->value + b * ld, masks, scale_, ld);
  }
}

void Dropout::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  const int64_t ld = x_->ld;
  if (!x_->gradient) return;
  if (!drops(batch)) {
    const auto bytes = static_cast<size_t>((last - first) * ld) * sizeof(float);
    std::memcpy(x_->gradient + first * ld, y_->gradient + first * ld, bytes);
    return;
  }
  for (int64_t b = first; b < last; b++) {
    kernels_.apply(x_->gradient + b * ld, y_->gradient + b * ld, masks_.data() + b * groups_, scale_, ld);
  }
}

}  // namespace pss
