// One of AutoInt's layers over slots e [B, F, in]; A = heads * dim, all weights [A, in]:
//
//   q = e Q^T, k = e K^T, v = e V^T, r = e R^T                            [F, A] each
//   per head h, on its dim columns:  P_h = softmax over g of (q_h k_h^T)   [F, F], no scaling
//   y = relu([P_0 v_0, P_1 v_1, ...] + r)                                  [F, A]
//   backward  dr = (y > 0) * dy;  dv_h = P_h^T dr_h;  dP = dr_h v_h^T;  dS = P * (dP - sum_g P * dP)
//             dq_h = dS k_h;  dk_h = dS^T q_h;  de = [dq dk dv dr] [Q; K; V; R];  d[Q; K; V; R] = [...]^T e
//
// The four products with the weights go over the slots of some samples at once, the rest sample by sample in
// the L1 cache. q, k, v and P are kept for the backward. With bf16 every product, and every gradient's, reads
// its factors rounded: slots, weights, q, k, v, P, dS and dr. q, k, v and P are kept so, and the softmax's
// backward reads that P; the softmax and all sums are float32. Flops a sample: 8*F*in*A + 4*F*F*A forward,
// twice that backward.
#pragma once

#include <vector>

#include "backend/cpu/block_gemm.h"
#include "base/aligned_buffer.h"
#include "ops/block_shares.h"
#include "ops/cpu_op.h"

namespace pss {

struct AttentionShape {
  int64_t F, in, heads, dim;
  int64_t Fp;  // F padded to whole vectors: the row length of P
  int64_t A() const { return heads * dim; }
  // Numbers between a head's rows of q, k or v, which of bf16 are whole pairs: rows of all have 3 * kept_A().
  template <typename Number>
  int64_t kept_dim() const {
    return in_words<Number>(dim) * static_cast<int64_t>(sizeof(Word<Number>) / sizeof(Number));
  }
  template <typename Number>
  int64_t kept_A() const {
    return heads * kept_dim<Number>();
  }
};

// Kernels for one sample. y [F, A] holds r and becomes the output; qkv [F, 3, heads, kept_dim];
// probabilities [heads, F, Fp], in an order that forward and backward agree on, is padded with what may be
// anything; dqkvr [F, 4, heads, kept_dim], whose padding becomes zero like q's, k's and v's; joined, of bf16
// alone, is dqkvr as words [in_words(F), 4, heads, kept_dim] of pairs of rows. `scratch` has
// attention_scratch(shape) floats.
template <typename Number>
struct AttentionKernels {
  void (*forward)(float* y, Number* probabilities, const Number* qkv, float* scratch,
                  const AttentionShape& shape, const BlockKernels& block);
  void (*backward)(Number* dqkvr, Word<Number>* joined, const float* dy, const float* y,
                   const Number* probabilities, const Number* qkv, float* scratch,
                   const AttentionShape& shape, const BlockKernels& block);
};
struct AttentionFormats {
  AttentionKernels<float> f32;
  AttentionKernels<Bf16> bf16;
  const AttentionKernels<float>& of(float) const { return f32; }
  const AttentionKernels<Bf16>& of(Bf16) const { return bf16; }
};
extern const AttentionFormats kAttentionReference, kAttentionAvx2, kAttentionAvx512, kAttentionAvx512Bf16;
int64_t attention_scratch(const AttentionShape& shape);

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
  void forward_group(int64_t first, int64_t last);
  template <typename Number>
  void backward_group(float* share, int64_t first, int64_t last);
  void fetch(int64_t b) const;
  template <typename Number>
  void project(int64_t first, int64_t last);
  // Where q, k, v and P of row b are.
  template <typename Number>
  Number* qkv_of(int64_t b, int64_t group);
  template <typename Number>
  Number* probabilities_of(int64_t b, int64_t group);
  // A thread's scratch: of the kernels; dqkvr of a group of samples; words of products.
  float* thread_scratch() { return scratch_.data() + ThreadTeam::current() * scratch_floats_; }
  float* gradients_of_thread() { return thread_scratch() + attention_scratch(shape_); }
  float* words_of_thread() { return gradients_of_thread() + samples_ * shape_.F * 4 * shape_.A(); }

  const Tensor* slots_;
  std::vector<const Parameter*> parameters_;
  Tensor* out_;
  AttentionShape shape_;
  const BlockKernels& block_;
  const AttentionFormats& kernels_;
  int64_t samples_;  // whose slots are rows of one product: 1 where rows of samples are padded
  bool packed_ = false;
  template <typename Number>
  void pack();

  // Words along columns of [4 * kept_A, in], zero in the padding, and of its transpose, but for r's part,
  // which has A columns there.
  AlignedBuffer<uint32_t> weights_, transposed_;
  // Words of [rows, F, 3, heads, kept_dim] and of [rows, heads, F, Fp]: of a batch when training, otherwise
  // of each thread's samples.
  int64_t qkv_words_, probability_words_;  // of a sample
  AlignedBuffer<uint32_t> qkv_, probabilities_;
  int64_t scratch_floats_;
  AlignedBuffer<float> scratch_;  // [threads]
  BlockShares shares_;
};

}  // namespace pss
