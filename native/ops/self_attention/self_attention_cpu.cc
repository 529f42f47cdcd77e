#include <algorithm>

#include "base/error.h"
#include "ops/self_attention/self_attention.h"

namespace pss {

AttentionShape check_attention(const Tensor& slots, const std::vector<const Parameter*>& parameters,
                               int64_t heads, const Tensor& out) {
  const int64_t F = slots.shape.front();
  const AttentionShape shape{F, slots.shape.back(), heads, heads > 0 ? parameters[0]->rows / heads : 0,
                             pad_to_vector(F)};
  bool fits = heads > 0 && shape.A() > 0 && out.cols == F * shape.A();
  for (const Parameter* weight : parameters) {
    fits = fits && weight->rows == shape.A() && weight->cols == shape.in;
  }
  if (!fits) throw Error("ERR_GRAPH", "The weights of '" + out.name + "' don't fit its slots and heads.");
  return shape;
}

SelfAttention::SelfAttention(const OpContext& context, const Tensor* slots,
                             std::vector<const Parameter*> parameters, int64_t heads, Tensor* out)
    : CpuOp(context),
      slots_(slots),
      parameters_(std::move(parameters)),
      out_(out),
      shape_(check_attention(*slots, parameters_, heads, *out)),
      gemm_(context.isa >= Isa::kAvx512 ? block_gemm_avx512 : block_gemm_ref),
      shares_(context, parameters_) {
  const int64_t A = shape_.A(), in = shape_.in, F = shape_.F;
  samples_ = slots->ld == F * in && out->ld == F * A ? kAttentionSamples : 1;
  const int64_t rows = context.training ? context.max_batch : context.team->threads() * samples_;
  weights_ = AlignedBuffer<float>(static_cast<size_t>(4 * A * in));
  transposed_ = AlignedBuffer<float>(static_cast<size_t>(4 * A * in));
  qkv_ = AlignedBuffer<float>(static_cast<size_t>(rows * F * 3 * A));
  probabilities_ = AlignedBuffer<float>(static_cast<size_t>(rows * heads * F * shape_.Fp));
  scratch_floats_ = pad_to_vector(attention_scratch(shape_)) + pad_to_vector(samples_ * F * 4 * A);
  scratch_ = AlignedBuffer<float>(static_cast<size_t>(context.team->threads() * scratch_floats_));
}

int64_t SelfAttention::tasks(Stage stage, int64_t) {
  if (stage == Stage::kWeightGradients) return shares_.tasks();
  if (packed_) return 0;
  packed_ = true;
  return static_cast<int64_t>(parameters_.size());
}

void SelfAttention::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kWeightGradients) return shares_.run_task(B, task);
  const int64_t A = shape_.A(), in = shape_.in;
  const Parameter& weight = *parameters_[task];
  for (int64_t a = 0; a < A; a++) {
    std::copy_n(weight.value + a * weight.ld, in, weights_.data() + (task * A + a) * in);
  }
  const auto transpose = wide() ? transpose_avx512 : transpose_ref;
  transpose(transposed_.data() + task * A, 4 * A, weight.value, weight.ld, A, in);
}

float* SelfAttention::qkv_of(int64_t b, int64_t group) {
  const int64_t row = context_.training ? b : ThreadTeam::current() * samples_ + b - group;
  return qkv_.data() + row * shape_.F * 3 * shape_.A();
}

float* SelfAttention::probabilities_of(int64_t b, int64_t group) {
  const int64_t row = context_.training ? b : ThreadTeam::current() * samples_ + b - group;
  return probabilities_.data() + row * shape_.heads * shape_.F * shape_.Fp;
}

void SelfAttention::forward_rows(const Batch&, int64_t first, int64_t last) {
  const auto kernel = wide() ? attention_forward_avx512 : attention_forward_ref;
  const int64_t A = shape_.A(), in = shape_.in, F = shape_.F;
  float* scratch = thread_scratch();
  for (int64_t group = first; group < last; group += samples_) {
    const int64_t end = std::min(last, group + samples_), rows = (end - group) * F;
    const float* slots = slots_->value + group * slots_->ld;
    float* y = out_->value + group * out_->ld;
    gemm_({qkv_of(group, group), 3 * A, slots, in, 1, transposed_.data(), 4 * A, rows, 3 * A, in, false});
    gemm_({y, A, slots, in, 1, transposed_.data() + 3 * A, 4 * A, rows, A, in, false});
    for (int64_t b = group; b < end; b++) {
      kernel(out_->value + b * out_->ld, probabilities_of(b, group), qkv_of(b, group), scratch, shape_);
    }
  }
}

void SelfAttention::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  const auto kernel = wide() ? attention_backward_avx512 : attention_backward_ref;
  const int64_t A = shape_.A(), in = shape_.in, F = shape_.F;
  float* scratch = thread_scratch();
  float* dqkvr = scratch + pad_to_vector(attention_scratch(shape_));
  float* share = shares_.clear(batch.B, first);
  for (int64_t group = first; group < last; group += samples_) {
    const int64_t end = std::min(last, group + samples_), rows = (end - group) * F;
    for (int64_t b = group; b < end; b++) {
      kernel(dqkvr + (b - group) * F * 4 * A, out_->gradient + b * out_->ld, out_->value + b * out_->ld,
             probabilities_of(b, group), qkv_of(b, group), scratch, shape_);
    }
    const float* slots = slots_->value + group * slots_->ld;
    for (size_t p = 0; p < parameters_.size(); p++) {
      const int64_t column = static_cast<int64_t>(p) * A;
      gemm_({share + shares_.offset(p), parameters_[p]->ld, dqkvr + column, 1, 4 * A, slots, in, A, in, rows,
             true});
    }
    if (!slots_->gradient) continue;
    gemm_({slots_->gradient + group * slots_->ld, in, dqkvr, 4 * A, 1, weights_.data(), in, rows, in, 4 * A,
           false});
  }
}

}  // namespace pss
