// The dense features of a batch as a tensor: out[b, i] = dense[b, i], rows padded with zeros.
#pragma once

#include "ops/op.h"

namespace pss {

class DenseInput : public Op {
 public:
  DenseInput(const OpContext& context, Tensor* out) : context_(context), out_(out) {}
  void forward(const Batch& batch) override;
  void backward(const Batch&) override {}
  const char* implementation() const override { return "copy"; }

 private:
  OpContext context_;
  Tensor* out_;
};

}  // namespace pss
