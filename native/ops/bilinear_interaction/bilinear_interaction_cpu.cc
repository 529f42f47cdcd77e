#include <algorithm>
#include <cstring>

#include "backend/cpu/block_gemm.h"
#include "base/error.h"
#include "ops/bilinear_interaction/bilinear_interaction.h"

namespace pss {

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
      shares_(context, parameters_) {
  const auto floats = static_cast<size_t>(shape_.matrices() * shape_.D * shape_.Dp);
  matrices_ = AlignedBuffer<float>(floats);
  transposed_ = AlignedBuffer<float>(floats);
  scratch_ = AlignedBuffer<float>(static_cast<size_t>(context.team->threads() * bilinear_scratch(shape_)));
}

int64_t BilinearInteraction::tasks(Stage stage, int64_t) {
  if (stage == Stage::kWeightGradients) return shares_.tasks();
  if (packed_) return 0;
  packed_ = true;
  return static_cast<int64_t>(parameters_.size());
}

void BilinearInteraction::run_task(Stage stage, int64_t B, int64_t task) {
  if (stage == Stage::kWeightGradients) return shares_.run_task(B, task);
  const int64_t size = shape_.D * shape_.Dp;
  std::memcpy(matrices_.data() + task * size, parameters_[task]->value,
              static_cast<size_t>(size) * sizeof(float));
  const auto transpose = wide() ? transpose_avx512 : transpose_ref;
  transpose(transposed_.data() + task * size, shape_.Dp, parameters_[task]->value, shape_.Dp, shape_.D,
            shape_.D);
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
  const auto kernel = wide() ? bilinear_forward_avx512 : bilinear_forward_ref;
  float* scratch = thread_scratch();
  for (int64_t b = first; b < last; b += kBilinearSamples) {
    for (size_t input = 0; input < inputs_.size(); input++) {
      kernel(rows_of(input, b, last), transposed_.data(), scratch, shape_);
    }
  }
}

void BilinearInteraction::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  const auto kernel = wide() ? bilinear_backward_avx512 : bilinear_backward_ref;
  float* scratch = thread_scratch();
  // The matrices' padded rows follow each other in a share as they do in matrices_.
  float* share = shares_.clear(batch.B, first);
  for (const Tensor* input : inputs_) {
    if (input->gradient) std::fill_n(input->gradient + first * input->ld, (last - first) * input->ld, 0.0f);
  }
  for (int64_t b = first; b < last; b += kBilinearSamples) {
    for (size_t input = 0; input < inputs_.size(); input++) {
      kernel(rows_of(input, b, last), share, matrices_.data(), transposed_.data(), scratch, shape_);
    }
  }
}

}  // namespace pss
