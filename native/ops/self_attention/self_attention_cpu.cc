#include <algorithm>
#include <cstring>

#include "backend/cpu/block_operand.h"
#include "base/error.h"
#include "ops/self_attention/self_attention.h"

namespace pss {

namespace {

// Enough samples for the products with the weights to be long, and their gradients' sums over slots still one
// part of kGemmDepth words.
constexpr int64_t kMostSamples = 8;

template <typename Number>
int64_t samples_at_once(int64_t F) {
  return std::clamp<int64_t>(kGemmDepth / in_words<Number>(F), 1, kMostSamples);
}

// Inlined by force, as its callers are: to the compiler a function that only prefetches does nothing, and
// calls of it may go.
template <typename Data>
[[gnu::always_inline]] inline void fetch_lines(const Data* data, int64_t count) {
  constexpr int64_t kLine = 64 / sizeof(Data);
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(data + i, 0, 2);
}

}  // namespace

// A head's transposed vectors and its scores, of bf16 in three forms, and two vectors of each slot; the
// reference's dq, dk and dv.
int64_t attention_scratch(const AttentionShape& shape) {
  return pad_to_vector((shape.dim + 2 * shape.F + 1) * shape.Fp + (3 * shape.F + 1) * shape.kept_A<Bf16>());
}

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
      kernels_(choose_kernels(context.isa, kAttentionReference, kAttentionAvx2, kAttentionAvx512,
                              kAttentionAvx512Bf16)),
      shares_(context, parameters_) {
  const int64_t A = shape_.A(), in = shape_.in, F = shape_.F;
  const bool bf16 = context.precision == Precision::kBf16;
  samples_ = slots->ld != F * in ? 1 : bf16 ? samples_at_once<Bf16>(F) : samples_at_once<float>(F);
  qkv_words_ = F * 3 * heads * (bf16 ? in_words<Bf16>(shape_.dim) : shape_.dim);
  probability_words_ = heads * F * (bf16 ? in_words<Bf16>(shape_.Fp) : shape_.Fp);
  const int64_t rows = context.training ? context.max_batch : context.team->threads() * samples_;
  const int64_t widest = shape_.kept_A<Bf16>();
  weights_ = AlignedBuffer<uint32_t>(static_cast<size_t>(4 * widest * (in + 1)));
  transposed_ = AlignedBuffer<uint32_t>(static_cast<size_t>(4 * widest * (in + 1)));
  qkv_ = AlignedBuffer<uint32_t>(static_cast<size_t>(rows * qkv_words_));
  probabilities_ = AlignedBuffer<uint32_t>(static_cast<size_t>(rows * probability_words_));
  scratch_floats_ = attention_scratch(shape_) + pad_to_vector(samples_ * (F + 1) * (4 * A + 4 * A + in));
  scratch_ = AlignedBuffer<float>(static_cast<size_t>(context.team->threads() * scratch_floats_));
}

int64_t SelfAttention::tasks(Stage stage, int64_t) {
  if (stage == Stage::kWeightGradients) return shares_.tasks();
  if (packed_) return 0;
  packed_ = true;
  return 1;
}

void SelfAttention::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kWeightGradients) return shares_.run_task(B, task);
  if (context_.precision == Precision::kBf16) return pack<Bf16>();
  pack<float>();
}

// The four weights one below the other, as both products read them.
template <typename Number>
void SelfAttention::pack() {
  const int64_t in = shape_.in, dim = shape_.dim, kept_dim = shape_.kept_dim<Number>();
  const int64_t kept_A = shape_.kept_A<Number>(), columns = 3 * kept_A + shape_.A();
  std::vector<float> rows(static_cast<size_t>(4 * kept_A * in));
  const auto place = [&](int64_t p, int64_t a, int64_t row) {
    const Parameter& weight = *parameters_[static_cast<size_t>(p)];
    std::copy_n(weight.value + a * weight.ld, in, rows.data() + row * in);
  };
  for (int64_t p = 0; p < 4; p++) {
    for (int64_t a = 0; a < shape_.A(); a++) place(p, a, p * kept_A + a / dim * kept_dim + a % dim);
  }
  auto* weights = reinterpret_cast<float*>(weights_.data());
  const auto packed = along_columns<Number>(weights, {rows.data(), in, 4 * kept_A, in}, block_);
  if constexpr (std::is_same_v<Number, float>) std::memcpy(weights, packed.data, rows.size() * sizeof(float));
  for (int64_t a = 0; a < shape_.A(); a++) place(3, a, 3 * kept_A + a);
  std::vector<float> words(static_cast<size_t>(columns * in_words<Number>(in)));
  const Operand<Number> all = along_rows<Number>(words.data(), {rows.data(), in, columns, in}, block_);
  block_.transpose(transposed_.data(), columns, all.data, all.ld, columns, all.ld);
}

template <typename Number>
Number* SelfAttention::qkv_of(int64_t b, int64_t group) {
  const int64_t row = context_.training ? b : ThreadTeam::current() * samples_ + b - group;
  return reinterpret_cast<Number*>(qkv_.data() + row * qkv_words_);
}

template <typename Number>
Number* SelfAttention::probabilities_of(int64_t b, int64_t group) {
  const int64_t row = context_.training ? b : ThreadTeam::current() * samples_ + b - group;
  return reinterpret_cast<Number*>(probabilities_.data() + row * probability_words_);
}

// q, k, v and r of samples [first, last), r in the output.
template <typename Number>
void SelfAttention::project(int64_t first, int64_t last) {
  const int64_t A = shape_.A(), in = shape_.in, F = shape_.F, rows = (last - first) * F;
  const int64_t kept = 3 * shape_.kept_A<Number>(), depth = in_words<Number>(in);
  const FloatRows slots{slots_->value + first * slots_->ld, in, rows, in};
  const auto e = along_rows<Number>(words_of_thread(), slots, block_);
  const auto* weights = reinterpret_cast<const Word<Number>*>(transposed_.data());
  block_.gemm(BlockGemm<Number, Number>{qkv_of<Number>(first, first), kept, e.data, e.ld, 1, weights,
                                        kept + A, rows, kept, depth, false});
  // A sample's rows of the output follow the last one's, unless it is a part of a wider one.
  const int64_t together = out_->ld == F * A ? rows : F;
  for (int64_t row = 0; row < rows; row += together) {
    block_.gemm(BlockGemm<Number>{out_->value + (first + row / F) * out_->ld, A, e.data + row * e.ld, e.ld, 1,
                                  weights + kept, kept + A, together, A, depth, false});
  }
}

template <typename Number>
void SelfAttention::forward_group(int64_t first, int64_t last) {
  project<Number>(first, last);
  for (int64_t b = first; b < last; b++) {
    kernels_.of(Number{}).forward(out_->value + b * out_->ld, probabilities_of<Number>(b, first),
                                  qkv_of<Number>(b, first), thread_scratch(), shape_, block_);
  }
}

// Asks for what the backward of row b will read, which left the cache since the forward.
[[gnu::always_inline]] inline void SelfAttention::fetch(int64_t b) const {
  fetch_lines(qkv_.data() + b * qkv_words_, qkv_words_);
  fetch_lines(probabilities_.data() + b * probability_words_, probability_words_);
  fetch_lines(out_->value + b * out_->ld, out_->cols);
  fetch_lines(out_->gradient + b * out_->ld, out_->cols);
  fetch_lines(slots_->value + b * slots_->ld, slots_->cols);
}

// Adds to the weights' gradients, writes the slots' of these samples.
template <typename Number>
void SelfAttention::backward_group(float* share, int64_t first, int64_t last) {
  const int64_t in = shape_.in, F = shape_.F, rows = (last - first) * F;
  const int64_t pairs = in_words<Number>(F), width = 4 * shape_.kept_A<Number>();
  auto* dqkvr = reinterpret_cast<Number*>(gradients_of_thread());
  auto* joined = reinterpret_cast<Word<Number>*>(words_of_thread());
  float* slots = words_of_thread() + samples_ * pairs * width;
  Operand<Number> e{};
  for (int64_t b = first; b < last; b++) {
    const int64_t n = b - first;
    if (b + 1 < last) fetch(b + 1);
    kernels_.of(Number{}).backward(dqkvr + n * F * width, joined + n * pairs * width,
                                   out_->gradient + b * out_->ld, out_->value + b * out_->ld,
                                   probabilities_of<Number>(b, first), qkv_of<Number>(b, first),
                                   thread_scratch(), shape_, block_);
    const auto own =
        along_columns<Number>(slots + n * pairs * in, {slots_->value + b * slots_->ld, in, F, in}, block_);
    if (n == 0) e = own;
  }
  const auto* terms = reinterpret_cast<const Word<Number>*>(dqkvr);
  const Word<Number>* sums = std::is_same_v<Number, float> ? terms : joined;
  // Rows of gradients that are neighbours: of a whole weight, unless its heads are padded.
  const int64_t height = shape_.kept_dim<Number>() == shape_.dim ? shape_.A() : shape_.dim;
  for (size_t p = 0; p < parameters_.size(); p++) {
    for (int64_t a = 0; a < shape_.A(); a += height) {
      const int64_t head = static_cast<int64_t>(p) * shape_.heads + a / shape_.dim;
      block_.gemm(BlockGemm<Number>{share + shares_.offset(p) + a * parameters_[p]->ld, parameters_[p]->ld,
                                    sums + head * shape_.kept_dim<Number>(), 1, width, e.data, e.ld, height,
                                    in, (last - first) * pairs, true});
    }
  }
  if (!slots_->gradient) return;
  block_.gemm(BlockGemm<Number>{slots_->gradient + first * slots_->ld, in, terms, in_words<Number>(width), 1,
                                reinterpret_cast<const Word<Number>*>(weights_.data()), in, rows, in,
                                in_words<Number>(width), false});
}

void SelfAttention::forward_rows(const Batch&, int64_t first, int64_t last) {
  for (int64_t group = first; group < last; group += samples_) {
    const int64_t end = std::min(last, group + samples_);
    if (context_.precision == Precision::kBf16) {
      forward_group<Bf16>(group, end);
    } else {
      forward_group<float>(group, end);
    }
  }
}

void SelfAttention::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  float* share = shares_.clear(batch.B, first);
  for (int64_t group = first; group < last; group += samples_) {
    const int64_t end = std::min(last, group + samples_);
    if (context_.precision == Precision::kBf16) {
      backward_group<Bf16>(share, group, end);
    } else {
      backward_group<float>(share, group, end);
    }
  }
}

}  // namespace pss
