#include <algorithm>

#include "base/error.h"
#include "ops/cross_network/cross_network.h"

namespace pss {

CrossShape cross_shape(const Tensor& x, const Parameter& weight, const Parameter& bias, const Tensor& out) {
  if (weight.cols != x.cols || bias.cols != x.cols || bias.rows != weight.rows || out.cols != x.cols) {
    throw Error("ERR_GRAPH", "Cross layers '" + weight.name + "' don't fit an input of " +
                                 std::to_string(x.cols) + " columns.");
  }
  return {weight.rows, x.cols, weight.ld};
}

CrossNetwork::CrossNetwork(const OpContext& context, const Tensor* x, const Parameter* weight,
                           const Parameter* bias, Tensor* out)
    : CpuOp(context),
      x_(x),
      weight_(weight),
      bias_(bias),
      out_(out),
      shape_(cross_shape(*x, *weight, *bias, *out)),
      kernels_(choose_kernels(context.isa, kCrossReference, kCrossAvx2, kCrossAvx512)),
      shares_(context, {weight, bias}) {
  scales_ = AlignedBuffer<float>(static_cast<size_t>(context.max_batch * shape_.L));
  if (!context.training) return;
  bias_sums_ = AlignedBuffer<float>(static_cast<size_t>(shape_.L * shape_.ld));
  scratch_ = AlignedBuffer<float>(static_cast<size_t>(context.team->threads() * shape_.ld));
}

void CrossNetwork::prepare_training(int64_t) {
  for (int64_t l = 1; l < shape_.L; l++) {
    for (int64_t k = 0; k < shape_.ld; k++) {
      const int64_t before = (l - 1) * shape_.ld + k;
      bias_sums_[static_cast<size_t>(before + shape_.ld)] =
          bias_sums_[static_cast<size_t>(before)] + bias_->value[before];
    }
  }
}

void CrossNetwork::forward_rows(const Batch&, int64_t first, int64_t last) {
  const int64_t at = first * shape_.ld;
  kernels_.forward(out_->value + at, scales_.data() + first * shape_.L, x_->value + at, weight_->value,
                   bias_->value, last - first, shape_);
}

void CrossNetwork::backward_rows(const Batch& batch, int64_t first, int64_t last) {
  const int64_t at = first * shape_.ld;
  float* share = shares_.clear(batch.B, first);
  kernels_.backward(x_->gradient ? x_->gradient + at : nullptr, share, share + shares_.offset(1),
                    out_->gradient + at, scales_.data() + first * shape_.L, x_->value + at, weight_->value,
                    bias_sums_.data(), scratch_.data() + ThreadTeam::current() * shape_.ld, last - first,
                    shape_);
}

}  // namespace pss
