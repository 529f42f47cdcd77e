// Projection of mixed-dimension embeddings: each slot's short vector times a matrix of its own.
//
//   in [B, F, d], weights P_f [D, d] of each slot, out [B, F, D]
//   out[b, f, i] = sum_k P_f[i, k] * in[b, f, k]
//   backward  din[b, f, k] = sum_i P_f[i, k] * dout[b, f, i];   dP_f[i, k] = sum_b in[b, f, k] * dout[b, f,
//   i]
// Sums over k run from 0 on, those over b in row order, those over i in any fixed order: the same bits on any
// number of threads. Flops: 2*B*F*d*D for each of the three.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "ops/cpu_op.h"

namespace pss {

// One slot of one sample; `packed` is the transposed weight, [d, D].
void project_ref(float* out, const float* in, const float* packed, int64_t d, int64_t D);
void project_avx512(float* out, const float* in, const float* packed, int64_t d, int64_t D);
void project_backward_ref(float* din, const float* dout, const float* packed, int64_t d, int64_t D);
void project_backward_avx512(float* din, const float* dout, const float* packed, int64_t d, int64_t D);
// Rows [0, count) of the transposed weight gradient [count, D] of one slot; in and dout are those of its
// first sample, whole samples in_ld and dout_ld apart.
void project_gradient_ref(float* dpacked, const float* in, int64_t in_ld, const float* dout, int64_t dout_ld,
                          int64_t B, int64_t count, int64_t D);
void project_gradient_avx512(float* dpacked, const float* in, int64_t in_ld, const float* dout,
                             int64_t dout_ld, int64_t B, int64_t count, int64_t D);

// Throws ERR_GRAPH unless there is a weight [D, d] for every slot.
void check_projection(const std::vector<const Parameter*>& weights, const Tensor& in, const Tensor& out);

class Projection : public CpuOp {
 public:
  Projection(const OpContext& context, std::vector<const Parameter*> weights, const Tensor* in, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t B) override;
  void run_task(Stage stage, int64_t B, int64_t task) override;
  int64_t task_cost(Stage) const override { return d_ * D_; }
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  void pack(int64_t slot);
  void weight_gradient(int64_t B, int64_t slot, int64_t first);

  std::vector<const Parameter*> weights_;
  const Tensor* in_;
  Tensor* out_;
  int64_t d_, D_;
  AlignedBuffer<float> packed_;  // [F, d, D]
};

}  // namespace pss
