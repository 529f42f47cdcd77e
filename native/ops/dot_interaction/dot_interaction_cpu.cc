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
  return shape.Vp * (pad_to_vector(shape.Vp) + pad_to_vector(shape.Dp) + kVector);
}

DotInteraction::DotInteraction(const OpContext& context, const Tensor* bottom, const Tensor* slots,
                               const Embedding* fused, Tensor* out)
    : CpuOp(context),
      bottom_(bottom),
      slots_(slots),
      fused_(fused),
      out_(out),
      bf16_(context.precision == Precision::kBf16),
      native_(bf16_ && out->bf16 && context.isa >= Isa::kAvx512Bf16),
      shape_(interaction_shape(slots->cols / bottom->cols, bottom->cols)),
      scratch_floats_(shape_.Vp * shape_.Dp + interaction_scratch(shape_) + out->ld + shape_.V * shape_.Dp),
      scratch_(static_cast<size_t>(context.team->threads() * scratch_floats_)) {}

DotInteraction::Scratch DotInteraction::thread_scratch() {
  float* vectors = scratch_.data() + ThreadTeam::current() * scratch_floats_;
  float* kernel = vectors + shape_.Vp * shape_.Dp;
  float* row = kernel + interaction_scratch(shape_);
  return {vectors, kernel, row, row + out_->ld};
}

void DotInteraction::load_vectors(float* vectors, int64_t b) const {
  const int64_t D = shape_.D, Dp = shape_.Dp;
  visit_rows(bottom_->values(), b, [&](const auto* row) {
    for (int64_t d = 0; d < D; d++) vectors[d] = to_float(row[d]);
  });
  if (fused_) {
    const Addressing& addressing = fused_->addressing();
    const uint32_t* starts = fused_->starts() + b * addressing.T * addressing.chunks;
    const auto gather = context_.isa >= Isa::kAvx512 ? gather_sample_avx512 : gather_sample_ref;
    gather(vectors + Dp, Dp, fused_->memory(), starts, addressing);
  } else {
    const float* slots = slots_->value + b * slots_->ld;
    for (int64_t i = 1; i < shape_.V; i++) {
      std::memcpy(vectors + i * Dp, slots + (i - 1) * D, static_cast<size_t>(D) * sizeof(float));
    }
  }
  if (!bf16_ || native_) return;
  for (int64_t k = 0; k < shape_.V * Dp; k++) vectors[k] = to_float(to_bf16(vectors[k]));
}

LookAhead DotInteraction::ahead(int64_t b, int64_t last) const {
  if (!fused_) return {};
  const Addressing& addressing = fused_->addressing();
  const uint32_t* starts =
      b + 1 < last ? fused_->starts() + (b + 1) * addressing.T * addressing.chunks : nullptr;
  return look_ahead(fused_->memory(), starts, addressing);
}

void DotInteraction::forward_rows(const Batch&, int64_t first, int64_t last) {
  const auto kernel = context_.isa >= Isa::kAvx512 ? dot_forward_avx512 : dot_forward_ref;
  const Scratch scratch = thread_scratch();
  for (int64_t b = first; b < last; b++) {
    load_vectors(scratch.vectors, b);
    if (native_) {
      dot_forward_avx512bf16(out_->bf16_value() + b * out_->ld + shape_.D, scratch.vectors, scratch.kernel,
                             shape_, ahead(b, last));
    } else {
      kernel(scratch.row + shape_.D, scratch.vectors, scratch.kernel, shape_, ahead(b, last));
    }
    visit_rows(out_->values(), b, [&](auto* row) {
      for (int64_t d = 0; d < shape_.D; d++) assign(row[d], scratch.vectors[d]);
      for (int64_t k = shape_.D; k < out_->cols && !native_; k++) assign(row[k], scratch.row[k]);
      for (int64_t k = out_->cols; k < out_->ld; k++) assign(row[k], 0);
    });
  }
}

void DotInteraction::backward_rows(const Batch&, int64_t first, int64_t last) {
  const Scratch scratch = thread_scratch();
  for (int64_t b = first; b < last; b++) {
    load_vectors(scratch.vectors, b);
    backward_sample(b, scratch, ahead(b, last));
  }
}

void DotInteraction::backward_sample(int64_t b, const Scratch& scratch, LookAhead next) {
  // An input without a gradient gets its share written aside and forgotten.
  float* dslots = slots_->gradient ? slots_->gradient + b * slots_->ld : scratch.unused;
  if (native_) {
    const Matrix unused{scratch.unused, 0, Precision::kF32};
    const Matrix bottom = bottom_->gradient ? bottom_->gradients() : unused;
    return visit_rows(bottom, bottom_->gradient ? b : 0, [&](auto* dbottom) {
      return dot_backward_avx512bf16({dbottom, 0, bottom.precision}, {dslots, 0, Precision::kF32},
                                     scratch.vectors, scratch.kernel, out_->bf16_gradient() + b * out_->ld,
                                     shape_, next);
    });
  }
  const auto kernel = context_.isa >= Isa::kAvx512 ? dot_backward_avx512 : dot_backward_ref;
  const float* dout = out_->gradient + b * out_->ld;
  if (out_->bf16) {
    const Bf16* rounded = out_->bf16_gradient() + b * out_->ld;
    for (int64_t k = 0; k < out_->cols; k++) scratch.row[k] = to_float(rounded[k]);
    dout = scratch.row;
  }
  const bool direct = bottom_->gradient && !bottom_->bf16;
  float* dbottom = direct ? bottom_->gradient + b * bottom_->ld : scratch.kernel;
  kernel(dbottom, dslots, scratch.vectors, dout, shape_, next);
  if (!bottom_->bf16 || !bottom_->gradient) return;
  for (int64_t d = 0; d < shape_.D; d++) assign(bottom_->bf16_gradient()[b * bottom_->ld + d], dbottom[d]);
}

}  // namespace pss
