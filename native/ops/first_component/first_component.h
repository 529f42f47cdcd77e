// First-order weights that are the first components of embeddings (criteo_deepctr's aliasing):
//
//   out[b, f] = slots[b, f, 0];   backward  dslots[b, f, 0] = dout[b, f], all other components 0
#pragma once

#include "ops/cpu_op.h"

namespace pss {

class FirstComponent : public CpuOp {
 public:
  FirstComponent(const OpContext& context, const Tensor* slots, Tensor* out)
      : CpuOp(context), slots_(slots), out_(out), D_(slots->shape.back()) {}
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return "copy"; }

 private:
  const Tensor* slots_;
  Tensor* out_;
  int64_t D_;
};

}  // namespace pss
