#include "ops/bilinear_interaction/bilinear_interaction.h"

namespace pss {

namespace {

// t = W e_i, straight from the formula.
float product(const float* transposed, const float* e, int64_t d, const BilinearShape& shape) {
  float sum = 0;
  for (int64_t k = 0; k < shape.D; k++) sum += transposed[k * shape.Dp + d] * e[k];
  return sum;
}

}  // namespace

void bilinear_forward_ref(const BilinearRows& rows, const float* transposed, float*,
                          const BilinearShape& shape) {
  const int64_t F = shape.F, D = shape.D;
  for (int64_t b = 0; b < rows.samples; b++) {
    const float* e = rows.slots + b * rows.slots_ld;
    float* p = rows.out + b * rows.out_ld;
    int64_t pair = 0;
    for (int64_t i = 0; i < F; i++) {
      for (int64_t j = i + 1; j < F; j++, pair++) {
        const float* matrix = transposed + shape.matrix(pair, i) * D * shape.Dp;
        for (int64_t d = 0; d < D; d++) *p++ = product(matrix, e + i * D, d, shape) * e[j * D + d];
      }
    }
  }
}

void bilinear_backward_ref(const BilinearRows& rows, float* dmatrices, const float* matrices,
                           const float* transposed, float*, const BilinearShape& shape) {
  const int64_t F = shape.F, D = shape.D, Dp = shape.Dp;
  for (int64_t b = 0; b < rows.samples; b++) {
    const float* e = rows.slots + b * rows.slots_ld;
    const float* dp = rows.dout + b * rows.out_ld;
    float* de = rows.dslots ? rows.dslots + b * rows.slots_ld : nullptr;
    int64_t pair = 0;
    for (int64_t i = 0; i < F; i++) {
      for (int64_t j = i + 1; j < F; j++, pair++, dp += D) {
        const int64_t at = shape.matrix(pair, i) * D * Dp;
        for (int64_t d = 0; d < D; d++) {
          const float dt = dp[d] * e[j * D + d];
          for (int64_t k = 0; k < D; k++) {
            dmatrices[at + d * Dp + k] += dt * e[i * D + k];
            if (de) de[i * D + k] += dt * matrices[at + d * Dp + k];
          }
          if (de) de[j * D + d] += dp[d] * product(transposed + at, e + i * D, d, shape);
        }
      }
    }
  }
}

}  // namespace pss
