// The logit of a model with several terms: out[b] = bias + sum over the inputs i and their columns c of
// x_i[b, c].
//
//   backward  dx_i[b, c] = dout[b];   dbias = sum_b dout[b]
// Columns are added in order, then inputs.
#pragma once

#include <vector>

#include "ops/block_shares.h"
#include "ops/cpu_op.h"

namespace pss {

// Throws ERR_GRAPH unless both are one number (a row).
void check_logit_sum(const Parameter& bias, const Tensor& out);

class LogitSum : public CpuOp {
 public:
  LogitSum(const OpContext& context, std::vector<const Tensor*> inputs, const Parameter* bias, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t) override { return stage == Stage::kWeightGradients; }
  void run_task(Stage, int64_t B, int64_t task) override { shares_.run_task(B, task); }
  const char* implementation() const override { return "sum"; }

 private:
  std::vector<const Tensor*> inputs_;
  const Parameter* bias_;
  Tensor* out_;
  BlockShares shares_;
};

}  // namespace pss
