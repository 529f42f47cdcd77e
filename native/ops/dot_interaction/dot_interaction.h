// Dot interaction (DLRM): all pairwise dot products of the bottom MLP's output and the F slots.
//
//   v = [bottom; slots[0]; ...; slots[F-1]]                         V = F + 1 vectors of D floats
//   out[b] = [bottom[b] | <v_1,v_0>, <v_2,v_0>, <v_2,v_1>, ...]     D + V*(V-1)/2 floats: the strict lower
//   triangle, row by row
// Backward, with S the symmetric V x V matrix of pair gradients and a zero diagonal:
//   dv_i = sum_j S[i][j] v_j;   dbottom = dout[0..D) + dv_0;   dslots[i-1] = dv_i
//
// The slots come from an Embedding whose lookup is fused in (never stored in the forward, gathered again in
// the backward), or from a tensor. Each sample is one task's own: bit-identical on any number of threads.
// Flops per sample: V*V*D forward, 2*V*V*D backward.
#pragma once

#include "base/aligned_buffer.h"
#include "ops/embedding/embedding.h"
#include "ops/op.h"

namespace pss {

// Few short vectors, which fit a kernel's registers and L1 another way: at most so many, of so many numbers.
constexpr int64_t kShortVectors = 32, kShortNumbers = 32;

struct InteractionShape {
  int64_t V, D;
  int64_t Vp, Dp;  // V padded to a multiple of 4, D to whole vectors
  int64_t Dr;      // D padded to whole vectors of bf16; to 16 where they are short

  bool is_short() const { return V <= kShortVectors && D <= kShortNumbers; }
};
// Throws ERR_GRAPH when V is above 64, the most that the kernels' tiles are cut for.
InteractionShape interaction_shape(int64_t F, int64_t D);
// Floats of scratch a kernel needs: the Gram matrix or that of its gradients in whole tiles, and as much as
// the vectors.
int64_t interaction_scratch(const InteractionShape& shape);

// Kernels for one sample. `vectors` is [Vp, Dp] with zeros behind V and D.
// pairs[V*(V-1)/2]
void dot_forward_ref(float* pairs, const float* vectors, float* scratch, const InteractionShape& shape,
                     LookAhead next);
void dot_forward_avx2(float* pairs, const float* vectors, float* scratch, const InteractionShape& shape,
                      LookAhead next);
void dot_forward_avx512(float* pairs, const float* vectors, float* scratch, const InteractionShape& shape,
                        LookAhead next);
// dbottom[D] = dout[0..D) + dv_0;  dslots[F, D] = dv_1..   with dout [D | pairs]
void dot_backward_ref(float* dbottom, float* dslots, const float* vectors, const float* dout,
                      const InteractionShape& shape, LookAhead next);
void dot_backward_avx2(float* dbottom, float* dslots, const float* vectors, const float* dout,
                       const InteractionShape& shape, LookAhead next);
void dot_backward_avx512(float* dbottom, float* dslots, const float* vectors, const float* dout,
                         const InteractionShape& shape, LookAhead next);

// The same with vectors, pairs and gradients rounded to bf16 where the products read and where they are
// stored; what the kernels above compute from vectors rounded beforehand. Sums are float32. `vectors` is
// [Vp, Dr], and serves the forward and the backward pass.
void round_floats_avx512bf16(Bf16* to, const float* from, int64_t n);
void dot_forward_avx512bf16(Bf16* pairs, const Bf16* vectors, float* scratch, const InteractionShape& shape,
                            LookAhead next);
void dot_backward_avx512bf16(const Matrix& dbottom, const Matrix& dslots, const Bf16* vectors, float* scratch,
                             const Bf16* dout, const InteractionShape& shape);

class DotInteraction : public CpuOp {
 public:
  // `fused` may be null: then slots->value is read.
  DotInteraction(const OpContext& context, const Tensor* bottom, const Tensor* slots, const Embedding* fused,
                 Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void prepare_training(int64_t) override { generation_++; }
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  // Fills `vectors` for sample b.
  void load_vectors(float* vectors, int64_t b) const;
  // What to bring near while sample b of a block that ends at `last` is worked on.
  LookAhead ahead(int64_t b, int64_t last) const;
  // A thread's own vectors, what kernels want besides, and a row of the output and of gradients that are
  // forgotten or rounded.
  struct Scratch {
    float *vectors, *kernel, *row, *unused;
  };
  Scratch thread_scratch();
  void backward_sample(int64_t b, const Scratch& scratch, LookAhead next);
  void forward_native(int64_t first, int64_t last);
  void backward_native(int64_t first, int64_t last);
  // The calling thread's copies of a block's vectors as bf16 [rows, Vp, Dr]; what is padding stays zero.
  Bf16* kept_vectors(int64_t row);
  void keep_vectors(int64_t b, Bf16* kept) const;
  const Tensor* bottom_;
  const Tensor* slots_;
  const Embedding* fused_;
  Tensor* out_;
  bool bf16_;    // the products'
  bool native_;  // and the instruction set has them
  InteractionShape shape_;
  int64_t scratch_floats_;
  AlignedBuffer<float> scratch_;
  // In a training step a thread runs a block forward and then backward, which spares it the second lookup.
  // What it holds are the vectors of block `first` of step `generation`.
  struct alignas(64) Kept {
    int64_t generation = -1, first = -1;
  };
  int64_t generation_ = 0;
  int64_t kept_rows_;  // of a thread
  std::vector<Kept> holds_;
  AlignedBuffer<Bf16> kept_;
};

}  // namespace pss
