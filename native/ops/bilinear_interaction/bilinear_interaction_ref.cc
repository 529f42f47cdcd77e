#include "ops/bilinear_interaction/bilinear_interaction.h"

namespace pss {

namespace {

template <Precision kPrecision>
float product(float a, float b) {
  return rounded(a, kPrecision) * rounded(b, kPrecision);
}

// t[d] = (W e)[d], straight from the formula.
template <Precision kPrecision>
float transformed(const float* matrix, const float* e, int64_t d, const BilinearShape& shape) {
  float sum = 0;
  for (int64_t k = 0; k < shape.D; k++) sum += product<kPrecision>(matrix[d * shape.Dp + k], e[k]);
  return sum;
}

int64_t matrix_of(int64_t i, int64_t j, const BilinearShape& shape) {
  return (shape.first(i) + (shape.kind == BilinearKind::kInteraction ? j - i - 1 : 0)) * shape.D * shape.Dp;
}

template <Precision kPrecision>
void bilinear_forward(const BilinearRows& rows, const BilinearWeights& weights, float*,
                      const BilinearShape& shape, const BlockKernels&) {
  const int64_t F = shape.F, D = shape.D;
  for (int64_t b = 0; b < rows.samples; b++) {
    const float* e = rows.slots + b * rows.slots_ld;
    float* p = rows.out + b * rows.out_ld;
    for (int64_t i = 0; i < F; i++) {
      for (int64_t j = i + 1; j < F; j++) {
        const float* matrix = weights.matrices + matrix_of(i, j, shape);
        for (int64_t d = 0; d < D; d++)
          *p++ = transformed<kPrecision>(matrix, e + i * D, d, shape) * e[j * D + d];
      }
    }
  }
}

// dt of pairs that share t are added before they are rounded.
template <Precision kPrecision>
void bilinear_backward(const BilinearRows& rows, float* dmatrices, const BilinearWeights& weights, float*,
                       const BilinearShape& shape, const BlockKernels&) {
  const int64_t F = shape.F, D = shape.D, Dp = shape.Dp;
  for (int64_t b = 0; b < rows.samples; b++) {
    const float* e = rows.slots + b * rows.slots_ld;
    const float* dp = rows.dout + b * rows.out_ld;
    float* de = rows.dslots ? rows.dslots + b * rows.slots_ld : nullptr;
    for (int64_t i = 0; i < F; dp += (F - 1 - i) * D, i++) {
      for (int64_t j = i + 1; j < F; j++) {
        const int64_t at = matrix_of(i, j, shape);
        const bool last = shape.kind == BilinearKind::kInteraction || j + 1 == F;
        const int64_t from = shape.kind == BilinearKind::kInteraction ? j : i + 1;
        for (int64_t d = 0; d < D; d++) {
          const float* pairs = dp - (i + 1) * D + d;
          if (de)
            de[j * D + d] +=
                pairs[j * D] * transformed<kPrecision>(weights.matrices + at, e + i * D, d, shape);
          if (!last) continue;
          float dt = 0;
          for (int64_t k = from; k <= j; k++) dt += pairs[k * D] * e[k * D + d];
          for (int64_t k = 0; k < D; k++) {
            dmatrices[at + d * Dp + k] += product<kPrecision>(dt, e[i * D + k]);
            if (de) de[i * D + k] += product<kPrecision>(dt, weights.matrices[at + d * Dp + k]);
          }
        }
      }
    }
  }
}

}  // namespace

const BilinearFormats kBilinearReference = {
    {bilinear_forward<Precision::kF32>, bilinear_backward<Precision::kF32>},
    {bilinear_forward<Precision::kBf16>, bilinear_backward<Precision::kBf16>}};

}  // namespace pss
