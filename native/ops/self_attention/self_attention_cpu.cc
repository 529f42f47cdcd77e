#include <algorithm>
#include <cstring>

#include "backend/cpu/block_operand.h"
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
      block_(block_kernels(context.isa)),
      kernels_(choose_kernels(context.isa, kAttentionReference, kAttentionAvx2, kAttentionAvx512)),
      shares_(context, parameters_) {
  const int64_t A = shape_.A(), in = shape_.in, F = shape_.F;
  samples_ = slots->ld == F * in && out->ld == F * A ? kAttentionSamples : 1;
  const int64_t rows = context.training ? context.max_batch : context.team->threads() * samples_;
  weights_ = AlignedBuffer<uint32_t>(static_cast<size_t>(4 * A * (in + 1)));
  transposed_ = AlignedBuffer<uint32_t>(static_cast<size_t>(4 * A * (in + 1)));
  qkv_ = AlignedBuffer<float>(static_cast<size_t>(rows * F * 3 * A));
  probabilities_ = AlignedBuffer<float>(static_cast<size_t>(rows * heads * F * shape_.Fp));
  scratch_floats_ =
      pad_to_vector(attention_scratch(shape_)) + pad_to_vector(samples_ * F * (4 * A + 4 * A + in));
  scratch_ = AlignedBuffer<float>(static_cast<size_t>(context.team->threads() * scratch_floats_));
}

int64_t SelfAttention::tasks(Stage stage, int64_t) {
  if (stage == Stage::kWeightGradients) return shares_.tasks();
  if (packed_) return 0;
  packed_ = true;
  return 1;
}

// The four weights one below the other, as both products read them.
void SelfAttention::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kWeightGradients) return shares_.run_task(B, task);
  const int64_t A = shape_.A(), in = shape_.in;
  std::vector<float> rows(static_cast<size_t>(4 * A * in));
  for (size_t p = 0; p < parameters_.size(); p++) {
    for (int64_t a = 0; a < A; a++) {
      std::copy_n(parameters_[p]->value + a * parameters_[p]->ld, in,
                  rows.data() + (static_cast<int64_t>(p) * A + a) * in);
    }
  }
  if (context_.precision == Precision::kF32) {
    std::memcpy(weights_.data(), rows.data(), rows.size() * sizeof(float));
    return block_.transpose(transposed_.data(), 4 * A, rows.data(), in, 4 * A, in);
  }
  const FloatRows all{rows.data(), in, 4 * A, in};
  along_columns<Bf16>(reinterpret_cast<float*>(weights_.data()), all, block_);
  std::vector<float> words(static_cast<size_t>(4 * A * in_words<Bf16>(in)));
  const Operand<Bf16> pairs = along_rows<Bf16>(words.data(), all, block_);
  block_.transpose(transposed_.data(), 4 * A, pairs.data, pairs.ld, 4 * A, pairs.ld);
}

float* SelfAttention::qkv_of(int64_t b, int64_t group) {
  const int64_t row = context_.training ? b : ThreadTeam::current() * samples_ + b - group;
  return qkv_.data() + row * shape_.F * 3 * shape_.A();
}

float* SelfAttention::probabilities_of(int64_t b, int64_t group) {
  const int64_t row = context_.training ? b : ThreadTeam::current() * samples_ + b - group;
  return probabilities_.data() + row * shape_.heads * shape_.F * shape_.Fp;
}

// q, k, v and r of samples [first, last), r in the output.
template <typename Number>
void SelfAttention::project(int64_t first, int64_t last) {
  const int64_t A = shape_.A(), in = shape_.in, rows = (last - first) * shape_.F;
  const FloatRows slots{slots_->value + first * slots_->ld, in, rows, in};
  const auto e = along_rows<Number>(words_of_thread(), slots, block_);
  const auto* weights = reinterpret_cast<const Word<Number>*>(transposed_.data());
  const int64_t depth = in_words<Number>(in);
  block_.gemm(BlockGemm<Number>{qkv_of(first, first), 3 * A, e.data, e.ld, 1, weights, 4 * A, rows, 3 * A,
                                depth, false});
  block_.gemm(BlockGemm<Number>{out_->value + first * out_->ld, A, e.data, e.ld, 1, weights + 3 * A, 4 * A,
                                rows, A, depth, false});
}

// From dqkvr [rows, 4A] of these samples: adds to the weights' gradients, writes the slots'.
template <typename Number>
void SelfAttention::project_gradients(float* share, const float* dqkvr, int64_t first, int64_t last) {
  const int64_t A = shape_.A(), in = shape_.in, rows = (last - first) * shape_.F;
  float* words = words_of_thread();
  const FloatRows gradients{dqkvr, 4 * A, rows, 4 * A};
  const auto sums = along_columns<Number>(words, gradients, block_);
  const auto e = along_columns<Number>(words + samples_ * shape_.F * 4 * A,
                                       {slots_->value + first * slots_->ld, in, rows, in}, block_);
  for (size_t p = 0; p < parameters_.size(); p++) {
    block_.gemm(BlockGemm<Number>{share + shares_.offset(p), parameters_[p]->ld,
                                  sums.data + static_cast<int64_t>(p) * A, 1, sums.ld, e.data, e.ld, A, in,
                                  in_words<Number>(rows), true});
  }
  if (!slots_->gradient) return;
  const auto terms = along_rows<Number>(words, gradients, block_);
  block_.gemm(BlockGemm<Number>{slots_->gradient + first * slots_->ld, in, terms.data, terms.ld, 1,
                                reinterpret_cast<const Word<Number>*>(weights_.data()), in, rows, in,
                                in_words<Number>(4 * A), false});
}

void SelfAttention::forward_rows(const Batch&, int64_t first, int64_t last) {
  for (int64_t group = first; group < last; group += samples_) {
    const int64_t end = std::min(last, group + samples_);
    if (context_.precision == Precision::kBf16) {
      project<Bf16>(group, end);
    } else {
      project<float>(group, end);
    }
    for (int64_t b = group; b < end; b++) {
      kernels_.forward(out_->value + b * out_->ld, probabilities_of(b, group), qkv_of(b, group),
                       thread_scratch(), shape_, block_);
    }
  }
}

void SelfAttention::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  const int64_t sample = shape_.F * 4 * shape_.A();
  float* dqkvr = thread_scratch() + pad_to_vector(attention_scratch(shape_));
  float* share = shares_.clear(batch.B, first);
  for (int64_t group = first; group < last; group += samples_) {
    const int64_t end = std::min(last, group + samples_);
    for (int64_t b = group; b < end; b++) {
      kernels_.backward(dqkvr + (b - group) * sample, out_->gradient + b * out_->ld,
                        out_->value + b * out_->ld, probabilities_of(b, group), qkv_of(b, group),
                        thread_scratch(), shape_, block_);
    }
    if (context_.precision == Precision::kBf16) {
      project_gradients<Bf16>(share, dqkvr, group, end);
    } else {
      project_gradients<float>(share, dqkvr, group, end);
    }
  }
}

}  // namespace pss
