// Contracts the three cores of a tensor-train embedding (TT-Rec, Yin et al. 2021) for every slot.
//
//   The row of table t is split into digits (i0, i1, i2), its D components into (a, b, c) of d0 x d1 x d2;
//   core lookups of the embedding op give   G0 = core0[i0] [d0, r],  G1 = core1[i1] [r, d1, r],  G2 =
//   core2[i2] [r, d2] out[b', f, (a*d1 + b)*d2 + c] = sum_q H[a, b, q] * G2[q, c],  H[a, b, q] = sum_p G0[a,
//   p] * G1[p, b, q]
// Backward, with dH = dout * G2^T:
//   dG2 = H^T * dout;   dG0 = dH * G1^T;   dG1 = G0^T * dH
// H isn't kept: the backward pass computes it again. Flops per slot: 2*r*(d0*d1*r + D) forward,
// 2*r*(3*d0*d1*r
// + 2*D) backward. Each slot is one task's own: bit-identical on any number of threads.
#pragma once

#include <array>

#include "base/aligned_buffer.h"
#include "ops/cpu_op.h"

namespace pss {

struct TrainShape {
  int64_t r;
  int64_t d0, d1, d2;
  int64_t scratch() const { return d0 * d1 * r; }
};

// The gathered cores of one slot, or their gradients.
template <typename Float>
struct TrainCores {
  Float* core0;
  Float* core1;
  Float* core2;
};

// `h` has scratch() floats, `dh` as many.
void tensor_train_ref(float* out, float* h, TrainCores<const float> cores, const TrainShape& shape);
void tensor_train_avx512(float* out, float* h, TrainCores<const float> cores, const TrainShape& shape);
void tensor_train_backward_ref(TrainCores<float> dcores, float* h, float* dh, const float* dout,
                               TrainCores<const float> cores, const TrainShape& shape);
void tensor_train_backward_avx512(TrainCores<float> dcores, float* h, float* dh, const float* dout,
                                  TrainCores<const float> cores, const TrainShape& shape);

// Throws ERR_GRAPH unless the cores' widths are those of the factors of D.
void check_tensor_train(const TrainShape& shape, const std::array<const Tensor*, 3>& cores,
                        const Tensor& out);

class TensorTrain : public CpuOp {
 public:
  TensorTrain(const OpContext& context, const TrainShape& shape, const std::array<const Tensor*, 3>& cores,
              Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  TrainCores<const float> cores_of(int64_t b, int64_t f) const;
  TrainCores<float> gradients_of(int64_t b, int64_t f) const;
  float* thread_scratch() { return scratch_.data() + ThreadTeam::current() * 2 * shape_.scratch(); }

  TrainShape shape_;
  std::array<const Tensor*, 3> cores_;
  Tensor* out_;
  AlignedBuffer<float> scratch_;  // [threads, 2, scratch()]: H and dH
};

}  // namespace pss
