// Inputs side by side: out[b, :] = [x_0[b, :], x_1[b, :], ...], each flattened.
//
// An input whose value already lies in the output (see can_write_slice in graph/op_list.h) isn't copied; nor
// is its gradient. Bytes: 8 for each copied float, each way.
#pragma once

#include <vector>

#include "ops/cpu_op.h"

namespace pss {

// Throws ERR_GRAPH unless the inputs' columns make up those of `out`.
void check_concat(const std::vector<const Tensor*>& inputs, const Tensor& out);

class Concat : public CpuOp {
 public:
  Concat(const OpContext& context, std::vector<const Tensor*> inputs, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return "copy"; }

 private:
  std::vector<const Tensor*> inputs_;
  Tensor* out_;
};

}  // namespace pss
