// Bilinear products of slots e [B, F, D], for one or more such inputs with the same matrices W [D, D]:
//
//   out[b] = for each input: for i < j in order: p_ij[d] = t[d] * e_j[d],  t = W e_i
//   backward  dt = dp_ij * e_j;  de_i += W^T dt;  de_j += dp_ij * t;  dW += dt e_i^T
// W is one for each pair (`interaction`), for each i (`each`) or for all (`all`); where pairs share t, it is
// computed once, and their dt are added before the products with W.
//
// Samples are taken kBilinearSamples at a time, and all pairs (i, j) of an i at once: their matrices side by
// side are one. With bf16 the products with W, and their gradients', read their factors rounded. The backward
// computes t again, which is less than keeping it. Flops a sample and pair: 2*D*D forward, 6*D*D backward
// (interaction).
#pragma once

#include <vector>

#include "backend/cpu/block_gemm.h"
#include "base/aligned_buffer.h"
#include "ops/bilinear_interaction/bilinear_interaction_kernel.h"
#include "ops/block_shares.h"
#include "ops/cpu_op.h"

namespace pss {

constexpr int64_t kBilinearSamples = 32;

struct BilinearShape {
  BilinearKind kind;
  int64_t F, D;
  int64_t Dp;  // D padded to whole vectors: the row length of every matrix
  int64_t pairs() const { return F * (F - 1) / 2; }
  int64_t matrices() const {
    return kind == BilinearKind::kInteraction ? pairs() : kind == BilinearKind::kEach ? F - 1 : 1;
  }
  // Products W e_i of a sample: of each pair, or of each i.
  int64_t units() const { return kind == BilinearKind::kInteraction ? pairs() : F - 1; }
  // Matrices that slot i is multiplied with, and the number of the first.
  int64_t count(int64_t i) const { return kind == BilinearKind::kInteraction ? F - 1 - i : 1; }
  int64_t first(int64_t i) const {
    return kind == BilinearKind::kInteraction ? i * (2 * F - 1 - i) / 2 : kind == BilinearKind::kEach ? i : 0;
  }
};

// One input of some samples, at most kBilinearSamples: rows of e [F, D] and de are `slots_ld` apart, those of
// p and dp [pairs, D] `out_ld`.
struct BilinearRows {
  const float* slots;
  float* dslots;  // set to zero before; null in the forward and where the input doesn't learn
  int64_t slots_ld;
  float* out;
  const float* dout;
  int64_t out_ld;
  int64_t samples;
};

// Matrix n [D, Dp] begins at n * D * Dp. For the products, in words: those of one i side by side and
// transposed, [D, count * D] from first(i) * D * D words on, the words along D; and below each other,
// [count * D, D] from there on, the words along their rows.
struct BilinearWeights {
  const float* matrices;
  const void* across;
  const void* below;
};
inline int64_t bilinear_scratch(const BilinearShape& shape) {
  return 4 * kBilinearSamples * pad_to_vector(shape.F * shape.D);
}

// `scratch` has bilinear_scratch(shape) floats; adds to dmatrices, which are laid out as the matrices.
struct BilinearKernels {
  void (*forward)(const BilinearRows& rows, const BilinearWeights& weights, float* scratch,
                  const BilinearShape& shape, const BlockKernels& block);
  void (*backward)(const BilinearRows& rows, float* dmatrices, const BilinearWeights& weights, float* scratch,
                   const BilinearShape& shape, const BlockKernels& block);
};
struct BilinearFormats {
  BilinearKernels f32, bf16;
};
extern const BilinearFormats kBilinearReference, kBilinearAvx2, kBilinearAvx512;

// Throws ERR_GRAPH when inputs, matrices and output don't fit together.
BilinearShape check_bilinear(const std::vector<const Tensor*>& inputs,
                             const std::vector<const Parameter*>& matrices, BilinearKind kind,
                             const Tensor& out);

class BilinearInteraction : public CpuOp {
 public:
  BilinearInteraction(const OpContext& context, std::vector<const Tensor*> inputs,
                      std::vector<const Parameter*> matrices, BilinearKind kind, Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t B) override;
  void run_task(Stage stage, int64_t B, int64_t task) override;
  void parameters_changed() override { packed_ = false; }
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  float* thread_scratch() { return scratch_.data() + ThreadTeam::current() * bilinear_scratch(shape_); }
  BilinearWeights weights() const { return {matrices_.data(), across_.data(), below_.data()}; }
  void pack(int64_t i);
  BilinearRows rows_of(size_t input, int64_t b, int64_t last) const;
  std::vector<const Tensor*> inputs_;
  std::vector<const Parameter*> parameters_;
  Tensor* out_;
  BilinearShape shape_;
  const BlockKernels& block_;
  const BilinearKernels& kernels_;
  bool packed_ = false;
  AlignedBuffer<float> matrices_;           // [matrices, D, Dp]
  AlignedBuffer<uint32_t> across_, below_;  // as in BilinearWeights
  AlignedBuffer<float> scratch_;            // [threads]
  BlockShares shares_;
};

}  // namespace pss
