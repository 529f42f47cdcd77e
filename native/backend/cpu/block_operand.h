// Rows of floats as a product of either format reads them: floats themselves, or copies in pairs of bf16.
#pragma once

#include "backend/cpu/block_gemm.h"

namespace pss {

struct FloatRows {
  const float* data;
  int64_t ld, rows, cols;
};

// Words of a product; rows are `ld` words apart.
template <typename Number>
struct Operand {
  const Word<Number>* data;
  int64_t ld;
};

// [rows, in_words(cols)], for a sum along the rows. `words` has room for as many, and isn't needed by floats.
template <typename Number>
Operand<Number> along_rows([[maybe_unused]] float* words, const FloatRows& x, const BlockKernels& block) {
  if constexpr (std::is_same_v<Number, float>) {
    return {x.data, x.ld};
  } else {
    auto* pairs = reinterpret_cast<uint32_t*>(words);
    const int64_t ld = in_words<Number>(x.cols);
    for (int64_t r = 0; r < x.rows; r++) block.pair_columns(pairs + r * ld, x.data + r * x.ld, x.cols);
    return {pairs, ld};
  }
}

// [in_words(rows), cols], for a sum over the rows.
template <typename Number>
Operand<Number> along_columns([[maybe_unused]] float* words, const FloatRows& x, const BlockKernels& block) {
  if constexpr (std::is_same_v<Number, float>) {
    return {x.data, x.ld};
  } else {
    auto* pairs = reinterpret_cast<uint32_t*>(words);
    for (int64_t r = 0; r < x.rows; r += 2) {
      const float* low = x.data + r * x.ld;
      block.pair_rows(pairs + r / 2 * x.cols, low, r + 1 < x.rows ? low + x.ld : nullptr, x.cols);
    }
    return {pairs, x.cols};
  }
}

}  // namespace pss
