// Dot interaction (DLRM): all pairwise dot products of the bottom MLP's output and the F slots.
//
//   v = [bottom; slots[0]; ...; slots[F-1]]                         V = F + 1 vectors of D floats
//   out[b] = [bottom[b] | <v_1,v_0>, <v_2,v_0>, <v_2,v_1>, ...]     D + V*(V-1)/2 floats: the strict lower
//   triangle, row by row
// Backward, with S the symmetric V x V matrix of pair gradients and a zero diagonal:
//   dv_i = sum_j S[i][j] v_j;   dbottom += dout[0..D) + dv_0;   dslots[i-1] = dv_i
//
// The slots come from an Embedding whose lookup is fused in (never stored in the forward, gathered again in
// the backward), or from a tensor. Each sample is one task's own: bit-identical on any number of threads.
// Flops per sample: V*V*D forward, 2*V*V*D backward.
#pragma once

#include "base/aligned_buffer.h"
#include "ops/embedding/embedding.h"
#include "ops/op.h"

namespace pss {

// Kernels for one sample. `vectors` is [Vp, Dp]: V padded to a multiple of 4 and D to a multiple of 16, with
// zeros.
struct InteractionShape {
  int64_t V, D, Vp, Dp;
};
InteractionShape interaction_shape(int64_t F, int64_t D);
// Floats of scratch for dot_backward_*.
int64_t interaction_scratch(const InteractionShape& shape);

// pairs[V*(V-1)/2]
void dot_forward_ref(float* pairs, const float* vectors, float* scratch, const InteractionShape& shape);
void dot_forward_avx512(float* pairs, const float* vectors, float* scratch, const InteractionShape& shape);
// dvectors [Vp, Dp] = S * vectors
void dot_backward_ref(float* dvectors, const float* vectors, const float* dpairs, float* scratch,
                      const InteractionShape& shape);
void dot_backward_avx512(float* dvectors, const float* vectors, const float* dpairs, float* scratch,
                         const InteractionShape& shape);

class DotInteraction : public Op {
 public:
  // `fused` may be null: then slots->value is read.
  DotInteraction(const OpContext& context, const Tensor* bottom, const Tensor* slots, const Embedding* fused,
                 Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  // Fills `vectors` for sample b and asks for the lines of sample b+1.
  void load_vectors(float* vectors, int64_t b, int64_t B) const;
  OpContext context_;
  const Tensor* bottom_;
  const Tensor* slots_;
  const Embedding* fused_;
  Tensor* out_;
  InteractionShape shape_;
};

}  // namespace pss
