#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "ops/dot_interaction/dot_interaction.h"

namespace pss {

namespace {

constexpr int64_t kTile = 4;
constexpr int64_t kMaxVectors = 64;
// Chunks between the one that is asked for and the one that is gathered, at the least: one sample's products
// are over before its memory answers where chunks are few.
constexpr int64_t kChunksAhead = 48;

template <typename Kernel>
Kernel* choose(Isa isa, Kernel* avx512, Kernel* avx2, Kernel* reference) {
  return isa >= Isa::kAvx512 ? avx512 : isa == Isa::kAvx2 ? avx2 : reference;
}

// Rows of a gradient that begin at row b, or a place for what nobody asked for.
Matrix gradient_rows(const Tensor& tensor, int64_t b, float* unused) {
  if (!tensor.gradient) return {unused, 0, Precision::kF32};
  return visit_rows(tensor.gradients(), b,
                    [&](auto* row) { return Matrix{row, tensor.ld, tensor.gradients().precision}; });
}

}  // namespace

InteractionShape interaction_shape(int64_t F, int64_t D) {
  if (F + 1 > kMaxVectors) {
    throw Error("ERR_GRAPH", "The dot interaction takes at most " + std::to_string(kMaxVectors - 1) +
                                 " slots beside the bottom output, not " + std::to_string(F) + ".");
  }
  InteractionShape shape{F + 1, D, (F + 1 + kTile - 1) / kTile * kTile, pad_to_vector(D), 0};
  shape.Dr = shape.is_short() ? shape.Dp : (D + 2 * kVector - 1) / (2 * kVector) * (2 * kVector);
  return shape;
}

int64_t interaction_scratch(const InteractionShape& shape) {
  return shape.Vp * (pad_to_vector(shape.Vp) + shape.Dr);
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
      scratch_(static_cast<size_t>(context.team->threads() * scratch_floats_)),
      kept_rows_(context.training ? row_block(context.max_batch) : 1) {
  if (native_) {
    holds_.resize(static_cast<size_t>(context.team->threads()));
    kept_ = AlignedBuffer<Bf16>(
        static_cast<size_t>(context.team->threads() * kept_rows_ * shape_.Vp * shape_.Dr));
  }
}

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
    const auto gather = lookup_kernels(context_.isa).gather_sample;
    gather(vectors + Dp, Dp, fused_->memory(), starts, addressing);
  } else {
    const float* slots = slots_->value + b * slots_->ld;
    for (int64_t i = 1; i < shape_.V; i++) {
      std::memcpy(vectors + i * Dp, slots + (i - 1) * D, static_cast<size_t>(D) * sizeof(float));
    }
  }
  if (!bf16_) return;
  for (int64_t k = 0; k < shape_.V * Dp; k++) vectors[k] = to_float(to_bf16(vectors[k]));
}

LookAhead DotInteraction::ahead(int64_t b, int64_t last) const {
  if (!fused_) return {};
  const Addressing& addressing = fused_->addressing();
  const int64_t row = addressing.T * addressing.chunks, later = b + (kChunksAhead + row - 1) / row;
  return look_ahead(fused_->memory(), later < last ? fused_->starts() + later * row : nullptr, addressing);
}

Bf16* DotInteraction::kept_vectors(int64_t row) {
  return kept_.data() + (ThreadTeam::current() * kept_rows_ + row) * shape_.Vp * shape_.Dr;
}

void DotInteraction::forward_rows(const Batch&, int64_t first, int64_t last) {
  if (native_) return forward_native(first, last);
  const auto kernel = choose(context_.isa, dot_forward_avx512, dot_forward_avx2, dot_forward_ref);
  const Scratch scratch = thread_scratch();
  for (int64_t b = first; b < last; b++) {
    load_vectors(scratch.vectors, b);
    kernel(scratch.row + shape_.D, scratch.vectors, scratch.kernel, shape_, ahead(b, last));
    visit_rows(out_->values(), b, [&](auto* row) {
      for (int64_t d = 0; d < shape_.D; d++) assign(row[d], scratch.vectors[d]);
      for (int64_t k = shape_.D; k < out_->cols; k++) assign(row[k], scratch.row[k]);
      for (int64_t k = out_->cols; k < out_->ld; k++) assign(row[k], 0);
    });
  }
}

void DotInteraction::keep_vectors(int64_t b, Bf16* kept) const {
  const int64_t D = shape_.D, Dr = shape_.Dr;
  const auto copy_row = [&](Bf16* to, const auto* from) {
    if constexpr (std::is_same_v<decltype(from), const Bf16*>) {
      std::memcpy(to, from, static_cast<size_t>(D) * sizeof(Bf16));
    } else {
      round_floats_avx512bf16(to, from, D);
    }
  };
  visit_rows(bottom_->values(), b, [&](const auto* row) { copy_row(kept, row); });
  if (fused_) {
    const Addressing& addressing = fused_->addressing();
    const uint32_t* starts = fused_->starts() + b * addressing.T * addressing.chunks;
    gather_sample_avx512bf16(kept + Dr, Dr, fused_->memory(), starts, addressing);
    return;
  }
  const float* slots = slots_->value + b * slots_->ld;
  for (int64_t i = 1; i < shape_.V; i++) copy_row(kept + i * Dr, slots + (i - 1) * D);
}

void DotInteraction::forward_native(int64_t first, int64_t last) {
  float* gram = thread_scratch().kernel;
  for (int64_t b = first; b < last; b++) {
    Bf16* vectors = kept_vectors(kept_rows_ > 1 ? b - first : 0);
    keep_vectors(b, vectors);
    Bf16* row = out_->bf16_value() + b * out_->ld;
    std::memcpy(row, vectors, static_cast<size_t>(shape_.D) * sizeof(Bf16));
    dot_forward_avx512bf16(row + shape_.D, vectors, gram, shape_, ahead(b, last));
    std::fill(row + out_->cols, row + out_->ld, Bf16{0});
  }
  holds_[ThreadTeam::current()] = {generation_, first};
}

void DotInteraction::backward_rows(const Batch&, int64_t first, int64_t last) {
  if (native_) return backward_native(first, last);
  const Scratch scratch = thread_scratch();
  for (int64_t b = first; b < last; b++) {
    load_vectors(scratch.vectors, b);
    backward_sample(b, scratch, ahead(b, last));
  }
}

void DotInteraction::backward_native(int64_t first, int64_t last) {
  const Scratch scratch = thread_scratch();
  const Kept& held = holds_[ThreadTeam::current()];
  const bool kept = held.generation == generation_ && held.first == first;
  for (int64_t b = first; b < last; b++) {
    Bf16* vectors = kept_vectors(b - first);
    if (!kept) keep_vectors(b, vectors);
    dot_backward_avx512bf16(gradient_rows(*bottom_, b, scratch.unused),
                            gradient_rows(*slots_, b, scratch.unused), vectors, scratch.kernel,
                            out_->bf16_gradient() + b * out_->ld, shape_);
  }
}

void DotInteraction::backward_sample(int64_t b, const Scratch& scratch, LookAhead next) {
  const auto kernel = choose(context_.isa, dot_backward_avx512, dot_backward_avx2, dot_backward_ref);
  const float* dout = out_->gradient + b * out_->ld;
  if (out_->bf16) {
    const Bf16* rounded = out_->bf16_gradient() + b * out_->ld;
    for (int64_t k = 0; k < out_->cols; k++) scratch.row[k] = to_float(rounded[k]);
    dout = scratch.row;
  }
  // A gradient that isn't wanted, or not in float32, is written aside.
  const auto direct = [&](const Tensor& tensor, float* aside) {
    return tensor.gradient && !tensor.bf16 ? tensor.gradient + b * tensor.ld : aside;
  };
  float* dbottom = direct(*bottom_, scratch.kernel);
  float* dslots = direct(*slots_, scratch.unused);
  kernel(dbottom, dslots, scratch.vectors, dout, shape_, next);
  const auto round = [&](const Tensor& tensor, const float* from) {
    if (!tensor.gradient || !tensor.bf16) return;
    Bf16* to = tensor.bf16_gradient() + b * tensor.ld;
    for (int64_t k = 0; k < tensor.cols; k++) assign(to[k], from[k]);
  };
  round(*bottom_, dbottom);
  round(*slots_, dslots);
}

}  // namespace pss
