// DCN's cross layers over x_0 [B, K], all L in one op, with weights and biases [L, K]:
//
//   forward   s_l = x_l . w_l;   x_{l+1} = x_0 * s_l + b_l + x_l;   out = x_L
//   backward  g = dout; for l = L-1 .. 0:  ds = g . x_0;  dx_0 += g * s_l;  db_l += g;  dw_l += ds * x_l;
//                                          g += ds * w_l
//             dx_0 += g
// Since x_l = x_0 * (1 + s_0 + ... + s_{l-1}) + (b_0 + ... + b_{l-1}), the backward needs s alone, not the
// x_l. Flops a sample: 4*L*K forward, 11*L*K backward. Sums over rows go block by block (block_shares.h).
#pragma once

#include "base/aligned_buffer.h"
#include "ops/block_shares.h"
#include "ops/cpu_op.h"

namespace pss {

struct CrossShape {
  int64_t L, K;
  int64_t ld;  // of x and of the weights' and biases' rows: K padded with zeros
};

// Throws ERR_GRAPH unless weight and bias are [L, K] and the tensors [B, K].
CrossShape cross_shape(const Tensor& x, const Parameter& weight, const Parameter& bias, const Tensor& out);

// Rows of x and out are shape.ld apart, those of s (scales[B, L]) L. The backward adds to dweights and
// dbiases [L, ld]; bias_sums [L, ld]: row l is b_0 + ... + b_{l-1}; dx may be null; `scratch` has ld floats.
struct CrossKernels {
  void (*forward)(float* out, float* scales, const float* x, const float* weights, const float* biases,
                  int64_t B, const CrossShape& shape);
  void (*backward)(float* dx, float* dweights, float* dbiases, const float* dout, const float* scales,
                   const float* x, const float* weights, const float* bias_sums, float* scratch, int64_t B,
                   const CrossShape& shape);
};
extern const CrossKernels kCrossReference, kCrossAvx2, kCrossAvx512;

class CrossNetwork : public CpuOp {
 public:
  CrossNetwork(const OpContext& context, const Tensor* x, const Parameter* weight, const Parameter* bias,
               Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void prepare_training(int64_t B) override;
  int64_t tasks(Stage stage, int64_t) override {
    return stage == Stage::kWeightGradients ? shares_.tasks() : 0;
  }
  void run_task(Stage, int64_t B, int64_t task) override { shares_.run_task(B, task); }
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  const Tensor* x_;
  const Parameter* weight_;
  const Parameter* bias_;
  Tensor* out_;
  CrossShape shape_;
  const CrossKernels& kernels_;
  AlignedBuffer<float> scales_;     // [max_batch, L]
  AlignedBuffer<float> bias_sums_;  // [L, ld]
  AlignedBuffer<float> scratch_;    // [threads, ld]
  BlockShares shares_;
};

}  // namespace pss
