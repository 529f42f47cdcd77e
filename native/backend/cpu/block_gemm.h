// Small matrix products inside a task, on operands that are in the cache: C[m, n] (+)= A[m, k] * B[k, n].
//
// Layers have products of their own (ops/linear), whose operands are packed first; that would be all overhead
// for some dozens of rows. Here A may have any strides (its words are broadcast one by one) and B's and C's
// rows are contiguous. A word is a float, or two bf16 that are neighbours in the direction of the sum, whose
// products are added in float32. Every element of C is one sum over k in order (in parts of kGemmDepth, which
// keep B's columns in the L1 cache): the same bits whatever m and n are.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/bf16.h"
#include "base/cpu_features.h"

namespace pss {

constexpr int64_t kGemmDepth = 96;

// What a product of this format takes in one step.
template <typename Number>
using Word = std::conditional_t<std::is_same_v<Number, float>, float, uint32_t>;

// So many numbers in words; a last one without partner takes a word of its own.
template <typename Number>
int64_t in_words(int64_t numbers) {
  return std::is_same_v<Number, Bf16> ? (numbers + 1) / 2 : numbers;
}

// C holds the sums themselves, or rounds each once, when all of it has been added up.
template <typename Number, typename Out = float>
struct BlockGemm {
  Out* c;
  int64_t c_ld;
  const Word<Number>* a;
  int64_t a_row, a_col;  // words between rows and between columns of A
  const Word<Number>* b;
  int64_t b_ld;
  int64_t m, n, k;  // k counts words
  bool add;         // to what C holds; never of a C that rounds
};

// What ops call with blocks, on one instruction set.
struct BlockKernels {
  void (*gemm_f32)(const BlockGemm<float>& g);
  void (*gemm_bf16)(const BlockGemm<Bf16>& g);
  void (*gemm_rounded)(const BlockGemm<Bf16, Bf16>& g);
  // out[c, r] = in[r, c], of words of either kind; reads and writes nothing else.
  void (*transpose)(void* out, int64_t out_ld, const void* in, int64_t in_ld, int64_t rows, int64_t cols);
  // words[i] = (values[2i], values[2i + 1]), rounded, for the pairs of `count` values; a last one without
  // partner gets 0.
  void (*pair_columns)(uint32_t* words, const float* values, int64_t count);
  // words[i] = (low[i], high[i]), rounded; high may be null, for zeros.
  void (*pair_rows)(uint32_t* words, const float* low, const float* high, int64_t count);

  void gemm(const BlockGemm<float>& g) const { gemm_f32(g); }
  void gemm(const BlockGemm<Bf16>& g) const { gemm_bf16(g); }
  void gemm(const BlockGemm<Bf16, Bf16>& g) const { gemm_rounded(g); }
};

extern const BlockKernels kBlockReference, kBlockAvx2, kBlockAvx512, kBlockAvx512Bf16;
const BlockKernels& block_kernels(Isa isa);

}  // namespace pss
