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
struct FmKernels {
  float (*forward)(const float* slots, int64_t F, int64_t D);
  void (*backward)(float* dslots, const float* slots, float dout, int64_t F, int64_t D);
};
extern const FmKernels kFmReference, kFmAvx2, kFmAvx512;

class FmInteraction : public CpuOp {
 public:
  FmInteraction(const OpContext& context, const Tensor* slots, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  const Tensor* slots_;
  Tensor* out_;
  const FmKernels& kernels_;
  int64_t F_, D_;
};

}  // namespace pss
