// Puts the slots of several lookups in the order of their tables.
//
//   inputs in_n [B, F_n, D], out [B, F, D]:  out[b, places[n][f], :] = in_n[b, f, :]
//   backward: din_n[b, f, :] = dout[b, places[n][f], :]
// Every place of out has exactly one source. Copies only.
#pragma once

#include <vector>

#include "ops/cpu_op.h"

namespace pss {

struct JoinSpec {
  std::vector<int64_t> places;  // of the slots of the first input, then of the second, and so on
};

// Throws ERR_GRAPH unless the places are those of `out`, each once.
void check_join(const JoinSpec& spec, const std::vector<const Tensor*>& inputs, const Tensor& out);

class JoinSlots : public CpuOp {
 public:
  JoinSlots(const OpContext& context, const JoinSpec& spec, std::vector<const Tensor*> inputs, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return "copy"; }

 private:
  JoinSpec spec_;
  std::vector<const Tensor*> inputs_;
  Tensor* out_;
};

}  // namespace pss
