#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "ops/dot_interaction/dot_interaction.h"

namespace pss {

namespace {

constexpr int64_t kTile = 4;
constexpr int64_t kMaxVectors = 64;

}  // namespace

InteractionShape interaction_shape(int64_t F, int64_t D) {
  if (F + 1 > kMaxVectors) {
    throw Error("ERR_GRAPH", "The dot interaction takes at most " + std::to_string(kMaxVectors - 1) +
                                 " slots beside the bottom output, not " + std::to_string(F) + ".");
  }
  return {F + 1, D, (F + 1 + kTile - 1) / kTile * kTile, pad_to_vector(D)};
}

int64_t interaction_scratch(const InteractionShape& shape) {
  return shape.Vp * pad_to_vector(shape.Vp);
}

DotInteraction::DotInteraction(const OpContext& context, const Tensor* bottom, const Tensor* slots,
                               const Embedding* fused, Tensor* out)
    : CpuOp(context),
      bottom_(bottom),
      slots_(slots),
      fused_(fused),
      out_(out),
      shape_(interaction_shape(slots->cols / bottom->cols, bottom->cols)),
      scratch_floats_(shape_.Vp * shape_.Dp + std::max(interaction_scratch(shape_), shape_.V * shape_.Dp)),
      scratch_(static_cast<size_t>(context.team->threads() * scratch_floats_)) {}

float* DotInteraction::thread_scratch() {
  return scratch_.data() + ThreadTeam::current() * scratch_floats_;
}

void DotInteraction::load_vectors(float* vectors, int64_t b) const {
  const int64_t D = shape_.D, Dp = shape_.Dp;
  std::memcpy(vectors, bottom_->value + b * bottom_->ld, static_cast<size_t>(D) * sizeof(float));
  if (fused_) {
    const Addressing& addressing = fused_->addressing();
    const uint32_t* starts = fused_->starts() + b * addressing.T * addressing.chunks;
    const auto gather = context_.isa == Isa::kAvx512 ? gather_sample_avx512 : gather_sample_ref;
    gather(vectors + Dp, Dp, fused_->memory(), starts, addressing);
    return;
  }
  const float* slots = slots_->value + b * slots_->ld;
  for (int64_t i = 1; i < shape_.V; i++) {
    std::memcpy(vectors + i * Dp, slots + (i - 1) * D, static_cast<size_t>(D) * sizeof(float));
  }
}

LookAhead DotInteraction::ahead(int64_t b, int64_t last) const {
  if (!fused_) return {};
  const Addressing& addressing = fused_->addressing();
  const uint32_t* starts =
      b + 1 < last ? fused_->starts() + (b + 1) * addressing.T * addressing.chunks : nullptr;
  return look_ahead(fused_->memory(), starts, addressing);
}

void DotInteraction::forward_rows(const Batch&, int64_t first, int64_t last) {
  const auto kernel = context_.isa == Isa::kAvx512 ? dot_forward_avx512 : dot_forward_ref;
  float* vectors = thread_scratch();
  float* gram = vectors + shape_.Vp * shape_.Dp;
  for (int64_t b = first; b < last; b++) {
    load_vectors(vectors, b);
    float* row = out_->value + b * out_->ld;
    std::memcpy(row, vectors, static_cast<size_t>(shape_.D) * sizeof(float));
    kernel(row + shape_.D, vectors, gram, shape_, ahead(b, last));
    std::fill(row + out_->cols, row + out_->ld, 0.0f);
  }
}

void DotInteraction::backward_rows(const Batch&, int64_t first, int64_t last) {
  const auto kernel = context_.isa == Isa::kAvx512 ? dot_backward_avx512 : dot_backward_ref;
  float* vectors = thread_scratch();
  // An input without a gradient gets its share written here and forgotten.
  float* unused = vectors + shape_.Vp * shape_.Dp;
  for (int64_t b = first; b < last; b++) {
    load_vectors(vectors, b);
    float* dbottom = bottom_->gradient ? bottom_->gradient + b * bottom_->ld : unused;
    float* dslots = slots_->gradient ? slots_->gradient + b * slots_->ld : unused;
    kernel(dbottom, dslots, vectors, out_->gradient + b * out_->ld, shape_, ahead(b, last));
  }
}

}  // namespace pss
