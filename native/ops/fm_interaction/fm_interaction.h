// Second order of a factorization machine over slots e [B, F, D]:
//
//   s_d = sum_f e_fd;  out[b] = sum_d ((s_d)^2 - sum_f (e_fd)^2) / 2
//   backward  de_fd = dout[b] * (s_d - e_fd)
// Each sample is one task's own. Flops: 4*F*D forward, 3*F*D backward; all of it is traffic of the slots.
#pragma once

#include "base/aligned_buffer.h"
#include "ops/cpu_op.h"

namespace pss {

// One sample; slots[F, D].
float fm_forward_ref(const float* slots, int64_t F, int64_t D);
float fm_forward_avx512(const float* slots, int64_t F, int64_t D);
void fm_backward_ref(float* dslots, const float* slots, float dout, int64_t F, int64_t D);
void fm_backward_avx512(float* dslots, const float* slots, float dout, int64_t F, int64_t D);

class FmInteraction : public CpuOp {
 public:
  FmInteraction(const OpContext& context, const Tensor* slots, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return wide_or_reference(); }

 private:
  const Tensor* slots_;
  Tensor* out_;
  int64_t F_, D_;
};

}  // namespace pss
