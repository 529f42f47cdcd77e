// Makes one vector of the l that an embedding looked up for a slot.
//
//   in [B, F, l*D] as vectors v_0 .. v_{l-1} of D floats, out [B, F, D]
//   product    out = v_0 * v_1 * ...                       dv_c = dout * (product of the others)
//   sum        out = v_0 + v_1 + ...                       dv_c = dout
//   signedSum  out = sum_c a_c v_c                         dv_c = a_c dout
//              a_c = float32(1 / sqrt(l)), negative where mix64's h(t, id, c) is odd: the entries of a sparse
//              Johnson-Lindenstrauss matrix (ops/sketch/sketch_matrix.h)
// Products and sums run from v_0 on, each operation rounded as written: the reference and the AVX-512 version
// give the same bits, on any number of threads. Traffic: l + 1 vectors a slot forward, 2*l + 1 backward.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/combine/combine_kernel.h"
#include "ops/cpu_op.h"

namespace pss {

// Throws ERR_GRAPH for an unknown name.
CombineKind parse_combine(const std::string& name);

struct CombineSpec {
  CombineKind kind;
  int64_t vectors;               // l
  uint64_t hash_seed;            // of signedSum, as are
  std::vector<int64_t> columns;  // the id columns of the slots; empty when slot t reads column t
};

// One slot. `signs` [l] are the a_c, null but for signedSum. in, din: [l, D].
void combine_ref(float* out, const float* in, const float* signs, CombineKind kind, int64_t l, int64_t D);
void combine_avx512(float* out, const float* in, const float* signs, CombineKind kind, int64_t l, int64_t D);
void combine_backward_ref(float* din, const float* dout, const float* in, const float* signs,
                          CombineKind kind, int64_t l, int64_t D);
void combine_backward_avx512(float* din, const float* dout, const float* in, const float* signs,
                             CombineKind kind, int64_t l, int64_t D);

class Combine : public CpuOp {
 public:
  // Throws ERR_GRAPH when the vectors don't divide the input.
  Combine(const OpContext& context, const CombineSpec& spec, int64_t id_columns, const Tensor* in,
          Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  // The a_c of every slot of a sample, [F, l], in the thread's own scratch; null but for signedSum.
  const float* sample_signs(const Batch& batch, int64_t b);

  CombineSpec spec_;
  int64_t id_columns_;
  const Tensor* in_;
  Tensor* out_;
  int64_t slots_, D_;
  std::vector<uint64_t> keys_;  // mix64's, of each slot's table
  std::vector<float> signs_;    // [threads, F, l]
};

// Throws ERR_GRAPH unless `in` is [F, l*D] and `out` [F, D]. Returns F.
int64_t check_combine(const CombineSpec& spec, const Tensor& in, const Tensor& out);

}  // namespace pss
