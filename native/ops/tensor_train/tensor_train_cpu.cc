#include "base/error.h"
#include "ops/tensor_train/tensor_train.h"

namespace pss {

void check_tensor_train(const TrainShape& s, const std::array<const Tensor*, 3>& cores, const Tensor& out) {
  const int64_t widths[] = {s.d0 * s.r, s.r * s.d1 * s.r, s.r * s.d2};
  bool fits = s.r > 0 && out.shape.size() == 2 && out.shape[1] == s.d0 * s.d1 * s.d2;
  for (size_t n = 0; fits && n < 3; n++) {
    const std::vector<int64_t>& shape = cores[n]->shape;
    fits = shape.size() == 2 && shape[0] == out.shape[0] && shape[1] == widths[n];
  }
  if (!fits) {
    throw Error("ERR_GRAPH", "The cores of '" + out.name + "' don't have the widths that rank " +
                                 std::to_string(s.r) + " and its factors of D ask for.");
  }
}

TensorTrain::TensorTrain(const OpContext& context, const TrainShape& shape,
                         const std::array<const Tensor*, 3>& cores, Tensor* out)
    : CpuOp(context), shape_(shape), cores_(cores), out_(out) {
  check_tensor_train(shape, cores, *out);
  scratch_ = AlignedBuffer<float>(static_cast<size_t>(context.team->threads() * 2 * shape.scratch()));
}

TrainCores<const float> TensorTrain::cores_of(int64_t b, int64_t f) const {
  const auto at = [&](size_t n) { return cores_[n]->value + b * cores_[n]->ld + f * cores_[n]->shape[1]; };
  return {at(0), at(1), at(2)};
}

TrainCores<float> TensorTrain::gradients_of(int64_t b, int64_t f) const {
  const auto at = [&](size_t n) { return cores_[n]->gradient + b * cores_[n]->ld + f * cores_[n]->shape[1]; };
  return {at(0), at(1), at(2)};
}

void TensorTrain::forward_rows(const Batch&, int64_t first, int64_t last) {
  const auto kernel = context_.isa >= Isa::kAvx512 ? tensor_train_avx512 : tensor_train_ref;
  float* h = thread_scratch();
  const int64_t F = out_->shape[0], D = out_->shape[1];
  for (int64_t b = first; b < last; b++) {
    for (int64_t f = 0; f < F; f++) kernel(out_->value + b * out_->ld + f * D, h, cores_of(b, f), shape_);
  }
}

void TensorTrain::backward_rows(const Batch&, int64_t first, int64_t last) {
  const auto kernel = context_.isa >= Isa::kAvx512 ? tensor_train_backward_avx512 : tensor_train_backward_ref;
  float* h = thread_scratch();
  float* dh = h + shape_.scratch();
  const int64_t F = out_->shape[0], D = out_->shape[1];
  for (int64_t b = first; b < last; b++) {
    for (int64_t f = 0; f < F; f++) {
      kernel(gradients_of(b, f), h, dh, out_->gradient + b * out_->ld + f * D, cores_of(b, f), shape_);
    }
  }
}

}  // namespace pss
