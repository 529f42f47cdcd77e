// What DCN-v2's cross layer adds to its matrix product y = W x + b:
//
//   out = x_0 * y + x;   backward  dx_0 = dout * y,  dy = dout * x_0,  dx = dout        (elementwise)
#pragma once

#include "ops/cpu_op.h"

namespace pss {

// Throws ERR_GRAPH unless all have the columns of `out`.
void check_cross_combine(const Tensor& x0, const Tensor& y, const Tensor& x, const Tensor& out);

class CrossCombine : public CpuOp {
 public:
  CrossCombine(const OpContext& context, const Tensor* x0, const Tensor* y, const Tensor* x, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return "elementwise"; }

 private:
  const Tensor *x0_, *y_, *x_;
  Tensor* out_;
};

}  // namespace pss
