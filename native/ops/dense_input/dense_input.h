// The dense features of a batch as a tensor: out[b, i] = dense[b, i], rows padded with zeros.
#pragma once

#include "ops/cpu_op.h"

namespace pss {

class DenseInput : public CpuOp {
 public:
  DenseInput(const OpContext& context, Tensor* out) : CpuOp(context), out_(out) {}
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return "copy"; }

 private:
  Tensor* out_;
};

}  // namespace pss
