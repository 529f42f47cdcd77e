#include <cstring>

#include "base/error.h"
#include "ops/cross_combine/cross_combine.h"

namespace pss {

void check_cross_combine(const Tensor& x0, const Tensor& y, const Tensor& x, const Tensor& out) {
  if (x0.cols == out.cols && y.cols == out.cols && x.cols == out.cols) return;
  throw Error("ERR_GRAPH", "The inputs of '" + out.name + "' differ in their columns.");
}

CrossCombine::CrossCombine(const OpContext& context, const Tensor* x0, const Tensor* y, const Tensor* x,
                           Tensor* out)
    : CpuOp(context), x0_(x0), y_(y), x_(x), out_(out) {
  check_cross_combine(*x0, *y, *x, *out);
}

// All four have one row length and zeros in their padding, so rows need no tails.
void CrossCombine::forward_rows(const Batch&, int64_t first, int64_t last) {
  const float* __restrict x0 = x0_->value;
  const float* __restrict y = y_->value;
  const float* __restrict x = x_->value;
  float* __restrict out = out_->value;
  for (int64_t i = first * out_->ld; i < last * out_->ld; i++) out[i] = x0[i] * y[i] + x[i];
}

void CrossCombine::backward_rows(const Batch&, int64_t first, int64_t last) {
  const int64_t begin = first * out_->ld, end = last * out_->ld;
  const float* __restrict dout = out_->gradient;
  const auto multiply = [&](float* __restrict to, const float* __restrict by) {
    for (int64_t i = begin; i < end && to; i++) to[i] = dout[i] * by[i];
  };
  multiply(x0_->gradient, y_->value);
  multiply(y_->gradient, x0_->value);
  if (!x_->gradient) return;
  std::memcpy(x_->gradient + begin, dout + begin, static_cast<size_t>(end - begin) * sizeof(float));
}

}  // namespace pss
