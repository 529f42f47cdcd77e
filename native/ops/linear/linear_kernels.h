// The kernels of a fully connected layer in one number format on one instruction set.
//
// All three products of a layer are the same loop: rows of words times panels of words, kPanel columns wide,
//
//   C[r, c] = sum over steps p of A[r, p] * panel(c / kPanel)[p, c mod kPanel]
//
// with a tile of C in registers over the whole of p, so that no sum is ever split by the number of threads.
// A word is a float, or two bf16 that are neighbours in the direction of the sum; `panels` are contiguous,
// `stride` words apart. What follows a product (bias, ReLU, rounding) happens in its registers.
#pragma once

#include <cstdint>

#include "base/cpu_features.h"
#include "base/matrix.h"

namespace pss {

constexpr int64_t kPanel = 64;
// Steps after which the sums of a weight gradient go through memory, so that both panels stay in the L2
// cache.
constexpr int64_t kMostSteps = 1024;

// Numbers in a word.
constexpr int64_t per_word(Precision precision) {
  return precision == Precision::kBf16 ? 2 : 1;
}

struct LinearKernels {
  // C[row, column] += as above, + bias, ReLU, for rows [first, last) of A and C; columns and the depth of the
  // sum are whole vectors. `a` has the kernels' format, `c` may be float32. bias may be null.
  void (*multiply)(const Matrix& c, const Matrix& a, const uint32_t* panels, int64_t stride,
                   const float* bias, bool relu, int64_t first, int64_t last, int64_t columns, int64_t depth);
  // Rows [first, last) of x to panels whose steps are rows (pairs of rows).
  void (*keep)(uint32_t* panels, int64_t stride, const Matrix& x, int64_t first, int64_t last,
               int64_t columns);
  // dz = y > 0 ? dy : 0 of rows [first, last), rounded to the kernels' format (y null: no ReLU); its column
  // sums; and what keep() makes of it.
  void (*mask)(const Matrix& dz, float* dbias, uint32_t* panels, int64_t stride, const Matrix& dy,
               const Matrix& y, int64_t first, int64_t last, int64_t columns);
  // dweights[n, k] for n < rows (at most kPanel), the product of one panel of dz and all of x.
  void (*weight_gradient)(float* dweights, int64_t ld, const uint32_t* dz, const uint32_t* x, int64_t stride,
                          int64_t steps, int64_t rows, int64_t columns);
  // The same for one panel of x and at most kMostSteps steps, followed by the update of plain SGD instead of
  // stored: weights[n, k] -= rate * dweights[n, k]. Meanwhile the panel of x that comes next is brought near.
  void (*weight_step)(float* weights, int64_t ld, float rate, const uint32_t* dz, const uint32_t* x,
                      const uint32_t* next, int64_t steps, int64_t rows, int64_t columns);
  // Rows [first, min(first + kPanel, rows)) and columns [column, column + columns) of W [rows, ld] to the
  // panels that y and dx are multiplied with: `forward` has steps along a row of W, `backward` (null: not
  // wanted) along its columns, each with rows padded by zeros to whole vectors. `column` is a multiple of
  // kPanel.
  void (*pack)(uint32_t* forward, int64_t forward_stride, uint32_t* backward, int64_t backward_stride,
               const float* weights, int64_t ld, int64_t first, int64_t rows, int64_t column,
               int64_t columns);
  // One output (N = 1), where a product would be all overhead: y[b] = x[b, :] . weights + bias.
  void (*dot_rows)(float* y, const Matrix& x, const float* weights, float bias, int64_t first, int64_t last,
                   int64_t columns);
  // dx[b, k] = dy[b] * weights[k] (unless dx is null);  dweights[k] += dy[b] * x[b, k]
  void (*outer_rows)(const Matrix& dx, float* dweights, const float* dy, const Matrix& x,
                     const float* weights, int64_t first, int64_t last, int64_t columns);
};

// The fastest that `isa` allows; null for the reference.
const LinearKernels* linear_kernels(Isa isa, Precision precision);

const LinearKernels* linear_kernels_avx2(Precision precision);
const LinearKernels* linear_kernels_avx512(Precision precision);
const LinearKernels* linear_kernels_avx512bf16();

}  // namespace pss
