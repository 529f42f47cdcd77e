// Rows taken from a large buffer in any order.
#pragma once

#include <cstdint>

namespace pss {

// Rows side by side: labels [rows], dense [rows, N], sparse [rows, T].
struct RowArrays {
  uint8_t* labels;
  float* dense;
  uint32_t* sparse;
  int64_t rows, N, T;
};

// out row i = rows row order[i], for i < count. `out` and `rows` have the same N and T, and don't overlap.
// Throws ERR_ARGUMENT when `order` names a row that isn't there.
void gather_rows(const RowArrays& out, const RowArrays& rows, const uint32_t* order, int64_t count);

}  // namespace pss
