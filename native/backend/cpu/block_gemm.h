// Small matrix products inside a task, on operands that are in the cache: C[m, n] (+)= A[m, k] * B[k, n].
//
// Layers have products of their own (ops/linear), whose operands are packed first; that would be all overhead
// for some dozens of rows. Here A may have any strides (its elements are broadcast one by one) and B's and
// C's rows are contiguous. Every element of C is one sum over k in order (in parts of kGemmDepth, which keep
// B's columns in the L1 cache): the same bits whatever m and n are.
#pragma once

#include <cstdint>

namespace pss {

constexpr int64_t kGemmDepth = 96;

struct BlockGemm {
  float* c;
  int64_t c_ld;
  const float* a;
  int64_t a_row, a_col;  // floats between rows and between columns of A
  const float* b;
  int64_t b_ld;
  int64_t m, n, k;
  bool add;  // to what C holds
};

void block_gemm_ref(const BlockGemm& g);
void block_gemm_avx512(const BlockGemm& g);

// out[c, r] = in[r, c]; reads and writes nothing else.
void transpose_ref(float* out, int64_t out_ld, const float* in, int64_t in_ld, int64_t rows, int64_t cols);
void transpose_avx512(float* out, int64_t out_ld, const float* in, int64_t in_ld, int64_t rows, int64_t cols);

}  // namespace pss
