#include <cstring>

#include "base/error.h"
#include "ops/dropout/dropout.h"

namespace pss {

namespace {
constexpr int kLayerShift = 48;  // steps stay below 2^48
}  // namespace

Dropout::Dropout(const OpContext& context, const Tensor* x, double rate, uint64_t seed, uint64_t layer,
                 int64_t last_step, Tensor* y)
    : CpuOp(context),
      x_(x),
      y_(y),
      kernels_(choose_kernels(context.isa, kDropoutReference, kDropoutAvx2, kDropoutAvx512)),
      key_{seed, 0, static_cast<uint32_t>(rate * 4294967296.0)},
      layer_(layer),
      last_step_(last_step),
      scale_(static_cast<float>(1 / (1 - rate))),
      groups_((x->ld + 63) / 64) {
  if (!(rate > 0 && rate < 1)) throw Error("ERR_GRAPH", "'" + y->name + "' needs a rate between 0 and 1.");
  if (x->ld != y->ld || x->ld % kVector != 0)
    throw Error("ERR_GRAPH", "The input of '" + y->name + "' isn't padded as its output is.");
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
  key.stream = static_cast<uint64_t>(batch.step) + ((layer_ + 1) << kLayerShift);
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
