// The gradient of a tensor that several nodes read: each reader but one writes a gradient of its own, and
// these are added before the tensor's producer runs backward.
//
//   total[b, c] += parts[0][b, c] + ...      one after the other, in the order given
#pragma once

#include <vector>

#include "ops/cpu_op.h"

namespace pss {

class GradientSum : public CpuOp {
 public:
  // The parts have the total's row length.
  GradientSum(const OpContext& context, const Tensor* total, std::vector<const float*> parts)
      : CpuOp(context), total_(total), parts_(std::move(parts)) {}
  void forward_rows(const Batch&, int64_t, int64_t) override {}
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return "sum"; }

 private:
  const Tensor* total_;
  std::vector<const float*> parts_;
};

}  // namespace pss
