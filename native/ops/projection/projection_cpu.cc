#include <algorithm>

#include "base/error.h"
#include "ops/projection/projection.h"

namespace pss {

namespace {

// Rows of a transposed weight gradient that one task sums.
constexpr int64_t kTaskRows = 8;

}  // namespace

void check_projection(const std::vector<const Parameter*>& weights, const Tensor& in, const Tensor& out) {
  bool fits = in.shape.size() == 2 && out.shape.size() == 2 && in.shape[0] == out.shape[0] &&
              static_cast<int64_t>(weights.size()) == in.shape[0];
  for (const Parameter* weight : weights) {
    fits = fits && weight->rows == out.shape[1] && weight->cols == in.shape[1];
  }
  if (!fits) {
    throw Error("ERR_GRAPH",
                "Projection '" + out.name + "' needs a weight [D, d] for each slot of '" + in.name + "'.");
  }
}

Projection::Projection(const OpContext& context, std::vector<const Parameter*> weights, const Tensor* in,
                       Tensor* out)
    : CpuOp(context), weights_(std::move(weights)), in_(in), out_(out) {
  check_projection(weights_, *in, *out);
  d_ = in->shape[1];
  D_ = out->shape[1];
  packed_ = AlignedBuffer<float>(weights_.size() * static_cast<size_t>(d_ * D_));
}

int64_t Projection::tasks(Stage stage, int64_t) {
  const auto slots = static_cast<int64_t>(weights_.size());
  return stage == Stage::kPackWeights ? slots : slots * ((d_ + kTaskRows - 1) / kTaskRows);
}

void Projection::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kPackWeights) return pack(task);
  const auto slots = static_cast<int64_t>(weights_.size());
  weight_gradient(B, task % slots, task / slots * kTaskRows);
}

void Projection::pack(int64_t slot) {
  const Parameter& weight = *weights_[slot];
  float* packed = packed_.data() + slot * d_ * D_;
  for (int64_t i = 0; i < D_; i++) {
    for (int64_t k = 0; k < d_; k++) packed[k * D_ + i] = weight.value[i * weight.ld + k];
  }
}

// Rows [first, first + kTaskRows) of the transposed gradient.
void Projection::weight_gradient(int64_t B, int64_t slot, int64_t first) {
  const int64_t count = std::min(kTaskRows, d_ - first);
  const auto kernel = context_.isa >= Isa::kAvx512 ? project_gradient_avx512 : project_gradient_ref;
  std::vector<float> dpacked(static_cast<size_t>(count * D_));
  kernel(dpacked.data(), in_->value + slot * d_ + first, in_->ld, out_->gradient + slot * D_, out_->ld, B,
         count, D_);
  const Parameter& weight = *weights_[slot];
  for (int64_t i = 0; i < D_; i++) {
    for (int64_t k = 0; k < count; k++) weight.gradient[i * weight.ld + first + k] = dpacked[k * D_ + i];
  }
}

void Projection::forward_rows(const Batch&, int64_t first, int64_t last) {
  const auto kernel = context_.isa >= Isa::kAvx512 ? project_avx512 : project_ref;
  const auto slots = static_cast<int64_t>(weights_.size());
  for (int64_t b = first; b < last; b++) {
    for (int64_t f = 0; f < slots; f++) {
      kernel(out_->value + b * out_->ld + f * D_, in_->value + b * in_->ld + f * d_,
             packed_.data() + f * d_ * D_, d_, D_);
    }
  }
}

void Projection::backward_rows(const Batch&, int64_t first, int64_t last) {
  if (!in_->gradient) return;
  const auto kernel = context_.isa >= Isa::kAvx512 ? project_backward_avx512 : project_backward_ref;
  const auto slots = static_cast<int64_t>(weights_.size());
  for (int64_t b = first; b < last; b++) {
    for (int64_t f = 0; f < slots; f++) {
      kernel(in_->gradient + b * in_->ld + f * d_, out_->gradient + b * out_->ld + f * D_,
             packed_.data() + f * d_ * D_, d_, D_);
    }
  }
}

}  // namespace pss
