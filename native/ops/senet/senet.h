// Squeeze and excitation over slots e [B, F, D], with weights W1 [H, F] and W2 [F, H]:
//
//   z_f = mean_d e_fd;  a = relu(W1 z);  s = relu(W2 a);  out_fd = s_f * e_fd
//   backward  ds_f = (s_f > 0) * sum_d dout_fd * e_fd;  dW2 += ds a^T;  da = (a > 0) * (W2^T ds)
//             dW1 += da z^T;  de_fd = s_f * dout_fd + (W1^T da)_f / D
// Each sample is computed whole, and its forward again in the backward: 2*F*D + 4*F*H flops, mostly traffic.
#pragma once

#include "base/aligned_buffer.h"
#include "ops/block_shares.h"
#include "ops/cpu_op.h"

namespace pss {

struct SenetShape {
  int64_t F, D, H;
  int64_t Fp, Hp;  // padded to whole vectors: the row lengths of W1 and W2
};

struct SenetWeights {
  const float *first, *second;  // [H, Fp], [F, Hp]; their padding is zero
};

// Kernels for one sample. `scratch` has senet_scratch(shape) floats.
inline int64_t senet_scratch(const SenetShape& shape) {
  return 4 * shape.Fp + 2 * shape.Hp;
}
struct SenetKernels {
  void (*forward)(float* out, const float* slots, const SenetWeights& weights, float* scratch,
                  const SenetShape& shape);
  // Adds to dfirst and dsecond, which are laid out as the weights.
  void (*backward)(float* dslots, float* dfirst, float* dsecond, const float* dout, const float* slots,
                   const SenetWeights& weights, float* scratch, const SenetShape& shape);
};
extern const SenetKernels kSenetReference, kSenetAvx2, kSenetAvx512;

// Throws ERR_GRAPH when weights, slots and output don't fit together.
void check_senet(const Tensor& slots, const Parameter& first, const Parameter& second, const Tensor& out);

class Senet : public CpuOp {
 public:
  Senet(const OpContext& context, const Tensor* slots, const Parameter* first, const Parameter* second,
        Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t) override {
    return stage == Stage::kWeightGradients ? shares_.tasks() : 0;
  }
  void run_task(Stage, int64_t B, int64_t task) override { shares_.run_task(B, task); }
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  float* thread_scratch() { return scratch_.data() + ThreadTeam::current() * senet_scratch(shape_); }
  SenetWeights weights() const { return {first_->value, second_->value}; }
  const Tensor* slots_;
  const Parameter* first_;
  const Parameter* second_;
  Tensor* out_;
  SenetShape shape_;
  const SenetKernels& kernels_;
  AlignedBuffer<float> scratch_;  // [threads]
  BlockShares shares_;
};

}  // namespace pss
