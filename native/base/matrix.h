// A matrix in memory whose numbers are float32 or bf16.
#pragma once

#include <cstdint>

#include "base/bf16.h"
#include "base/precision.h"

namespace pss {

// Rows of numbers of either format, `ld` apart.
struct Matrix {
  void* data = nullptr;
  int64_t ld = 0;
  Precision precision = Precision::kF32;
  explicit operator bool() const { return data != nullptr; }
};

// Calls visit(pointer to element [row, 0]) with the pointer's type.
template <typename Visit>
decltype(auto) visit_rows(const Matrix& matrix, int64_t row, const Visit& visit) {
  if (matrix.precision == Precision::kBf16) return visit(static_cast<Bf16*>(matrix.data) + row * matrix.ld);
  return visit(static_cast<float*>(matrix.data) + row * matrix.ld);
}

}  // namespace pss
