// One of AutoInt's layers over slots e [B, F, in]; A = heads * dim, all weights [A, in]:
//
//   q = e Q^T, k = e K^T, v = e V^T, r = e R^T                            [F, A] each
//   per head h, on its dim columns:  P_h = softmax over g of (q_h k_h^T)   [F, F], no scaling
//   y = relu([P_0 v_0, P_1 v_1, ...] + r)                                  [F, A]
//   backward  dr = (y > 0) * dy;  dv_h = P_h^T dr_h;  dP = dr_h v_h^T;  dS = P * (dP - sum_g P * dP)
//             dq_h = dS k_h;  dk_h = dS^T q_h;  de = [dq dk dv dr] [Q; K; V; R];  d[Q; K; V; R] = [...]^T e
//
// The four products with the weights go over the slots of kAttentionSamples samples at once, the rest sample
// by sample in the L1 cache. q, k, v and P are kept for the backward. With bf16 the products with the
// weights, and their gradients', read their factors rounded; the softmax and all products inside a head are
// float32. Flops a sample: 8*F*in*A + 4*F*F*A forward, twice that backward.
#pragma once

#include <vector>

#include "backend/cpu/block_gemm.h"
#include "base/aligned_buffer.h"
#include "ops/block_shares.h"
#include "ops/cpu_op.h"

namespace pss {

constexpr int64_t kAttentionSamples = 8;

struct AttentionShape {
  int64_t F, in, heads, dim;
  int64_t Fp;  // F padded to whole vectors: the row length of P
  int64_t A() const { return heads * dim; }
};

// Kernels for one sample. y [F, A] holds r and becomes the output; qkv [F, 3A]; probabilities [heads, F, Fp],
// in an order that forward and backward agree on, is padded with what may be anything; dqkvr [F, 4A] =
// [dq dk dv dr]. `scratch` has attention_scratch(shape) floats.
struct AttentionKernels {
  void (*forward)(float* y, float* probabilities, const float* qkv, float* scratch,
                  const AttentionShape& shape, const BlockKernels& block);
  void (*backward)(float* dqkvr, const float* dy, const float* y, const float* probabilities,
                   const float* qkv, float* scratch, const AttentionShape& shape, const BlockKernels& block);
};
inline int64_t attention_scratch(const AttentionShape& shape) {
  return (shape.F + shape.dim) * shape.Fp;
}
extern const AttentionKernels kAttentionReference, kAttentionAvx2, kAttentionAvx512;

// Throws ERR_GRAPH when weights, slots, heads and output don't fit together.
AttentionShape check_attention(const Tensor& slots, const std::vector<const Parameter*>& parameters,
                               int64_t heads, const Tensor& out);

class SelfAttention : public CpuOp {
 public:
  // Parameters: query, key, value, residual.
  SelfAttention(const OpContext& context, const Tensor* slots, std::vector<const Parameter*> parameters,
                int64_t heads, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t B) override;
  void run_task(Stage stage, int64_t B, int64_t task) override;
  void parameters_changed() override { packed_ = false; }
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  template <typename Number>
  void project(int64_t first, int64_t last);
  template <typename Number>
  void project_gradients(float* share, const float* dqkvr, int64_t first, int64_t last);
  // Where q, k, v and P of row b are.
  float* qkv_of(int64_t b, int64_t group);
  float* probabilities_of(int64_t b, int64_t group);
  // A thread's scratch: of the kernels, then dqkvr of a group of samples, then words of products.
  float* thread_scratch() { return scratch_.data() + ThreadTeam::current() * scratch_floats_; }
  float* words_of_thread() {
    return thread_scratch() + pad_to_vector(attention_scratch(shape_)) + samples_ * shape_.F * 4 * shape_.A();
  }

  const Tensor* slots_;
  std::vector<const Parameter*> parameters_;
  Tensor* out_;
  AttentionShape shape_;
  const BlockKernels& block_;
  const AttentionKernels& kernels_;
  int64_t samples_;  // whose slots are rows of one product: 1 where rows of samples are padded
  bool packed_ = false;
  AlignedBuffer<uint32_t> weights_;     // [4A, in], the words along columns
  AlignedBuffer<uint32_t> transposed_;  // [in, 4A], the words along columns
  AlignedBuffer<float> qkv_;  // [rows, F, 3A]: of a batch when training, otherwise of each thread's samples
  AlignedBuffer<float> probabilities_;
  int64_t scratch_floats_;
  AlignedBuffer<float> scratch_;  // [threads]
  BlockShares shares_;
};

}  // namespace pss
