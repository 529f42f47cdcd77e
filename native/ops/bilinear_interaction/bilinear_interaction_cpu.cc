#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "ops/bilinear_interaction/bilinear_interaction.h"

namespace pss {

namespace {

const BilinearKernels& in_format(const BilinearFormats& formats, Precision precision) {
  return precision == Precision::kBf16 ? formats.bf16 : formats.f32;
}

}  // namespace

BilinearShape check_bilinear(const std::vector<const Tensor*>& inputs,
                             const std::vector<const Parameter*>& matrices, BilinearKind kind,
                             const Tensor& out) {
  const BilinearShape shape{kind, inputs[0]->shape.front(), inputs[0]->shape.back(), matrices[0]->ld};
  const auto count = static_cast<int64_t>(inputs.size());
  bool fits = out.cols == count * shape.pairs() * shape.D &&
              static_cast<int64_t>(matrices.size()) == shape.matrices();
  for (const Tensor* input : inputs) fits = fits && input->shape == inputs[0]->shape;
  for (const Parameter* matrix : matrices) fits = fits && matrix->rows == shape.D && matrix->cols == shape.D;
  if (!fits) throw Error("ERR_GRAPH", "The inputs and matrices of '" + out.name + "' don't fit together.");
  return shape;
}

BilinearInteraction::BilinearInteraction(const OpContext& context, std::vector<const Tensor*> inputs,
                                         std::vector<const Parameter*> matrices, BilinearKind kind,
                                         Tensor* out)
    : CpuOp(context),
      inputs_(std::move(inputs)),
      parameters_(std::move(matrices)),
      out_(out),
      shape_(check_bilinear(inputs_, parameters_, kind, *out)),
      block_(block_kernels(context.isa)),
      kernels_(in_format(choose_kernels(context.isa, kBilinearReference, kBilinearAvx2, kBilinearAvx512),
                         context.precision)),
      shares_(context, parameters_) {
  const auto numbers = static_cast<size_t>(shape_.matrices() * shape_.D * shape_.D);
  matrices_ = AlignedBuffer<float>(static_cast<size_t>(shape_.matrices() * shape_.D * shape_.Dp));
  across_ = AlignedBuffer<uint32_t>(numbers);
  below_ = AlignedBuffer<uint32_t>(numbers);
  scratch_ = AlignedBuffer<float>(static_cast<size_t>(context.team->threads() * bilinear_scratch(shape_)));
}

int64_t BilinearInteraction::tasks(Stage stage, int64_t) {
  if (stage == Stage::kWeightGradients) return shares_.tasks();
  if (packed_) return 0;
  packed_ = true;
  return shape_.kind == BilinearKind::kAll ? 1 : shape_.F - 1;
}

void BilinearInteraction::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kWeightGradients) return shares_.run_task(B, task);
  pack(task);
}

// The matrices of slot i.
void BilinearInteraction::pack(int64_t i) {
  const int64_t D = shape_.D, Dp = shape_.Dp, first = shape_.first(i), width = shape_.count(i) * D;
  float* rows = matrices_.data() + first * D * Dp;
  for (int64_t n = 0; n < shape_.count(i); n++)
    std::copy_n(parameters_[first + n]->value, D * Dp, rows + n * D * Dp);
  uint32_t* across = across_.data() + first * D * D;
  uint32_t* below = below_.data() + first * D * D;
  if (context_.precision == Precision::kF32) {
    for (int64_t r = 0; r < width; r++) std::memcpy(below + r * D, rows + r * Dp, static_cast<size_t>(4 * D));
    block_.transpose(across, width, rows, Dp, width, D);
    return;
  }
  std::vector<uint32_t> words(static_cast<size_t>(width * in_words<Bf16>(D)));
  for (int64_t r = 0; r < width; r++)
    block_.pair_columns(words.data() + r * in_words<Bf16>(D), rows + r * Dp, D);
  block_.transpose(across, width, words.data(), in_words<Bf16>(D), width, in_words<Bf16>(D));
  for (int64_t r = 0; r < width; r += 2)
    block_.pair_rows(below + r / 2 * D, rows + r * Dp, r + 1 < width ? rows + (r + 1) * Dp : nullptr, D);
}

BilinearRows BilinearInteraction::rows_of(size_t input, int64_t b, int64_t last) const {
  const Tensor& slots = *inputs_[input];
  const int64_t column = static_cast<int64_t>(input) * shape_.pairs() * shape_.D, out = b * out_->ld + column;
  return {slots.value + b * slots.ld,
          slots.gradient ? slots.gradient + b * slots.ld : nullptr,
          slots.ld,
          out_->value + out,
          out_->gradient ? out_->gradient + out : nullptr,
          out_->ld,
          std::min(kBilinearSamples, last - b)};
}

void BilinearInteraction::forward_rows(const Batch&, int64_t first, int64_t last) {
  float* scratch = thread_scratch();
  for (int64_t b = first; b < last; b += kBilinearSamples) {
    for (size_t input = 0; input < inputs_.size(); input++) {
      kernels_.forward(rows_of(input, b, last), weights(), scratch, shape_, block_);
    }
  }
}

void BilinearInteraction::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  float* scratch = thread_scratch();
  // The matrices' padded rows follow each other in a share as they do in matrices_.
  float* share = shares_.clear(batch.B, first);
  for (const Tensor* input : inputs_) {
    if (input->gradient) std::fill_n(input->gradient + first * input->ld, (last - first) * input->ld, 0.0f);
  }
  for (int64_t b = first; b < last; b += kBilinearSamples) {
    for (size_t input = 0; input < inputs_.size(); input++) {
      kernels_.backward(rows_of(input, b, last), share, weights(), scratch, shape_, block_);
    }
  }
}

}  // namespace pss
