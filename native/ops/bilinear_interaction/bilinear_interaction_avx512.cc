#include <immintrin.h>

#include <algorithm>

#include "backend/cpu/block_gemm.h"
#include "ops/bilinear_interaction/bilinear_interaction.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

// t [samples, Dp] = e_i W^T for all samples.
void products(float* t, const BilinearRows& rows, int64_t i, const float* transposed,
              const BilinearShape& shape) {
  block_gemm_avx512({t, shape.Dp, rows.slots + i * shape.D, rows.slots_ld, 1, transposed, shape.Dp,
                     rows.samples, shape.D, shape.D, false});
}

// to[b, d] = a[b, d] * b[b, d], + to[b, d] with `kAdd`.
template <bool kAdd>
void multiply(float* to, int64_t to_ld, const float* x, int64_t x_ld, const float* y, int64_t y_ld,
              int64_t samples, int64_t D) {
  for (int64_t b = 0; b < samples; b++) {
    for (int64_t d = 0; d < D; d += 16) {
      const __mmask16 mask = lanes(D - d);
      const __m512 left = _mm512_maskz_loadu_ps(mask, x + b * x_ld + d);
      const __m512 right = _mm512_maskz_loadu_ps(mask, y + b * y_ld + d);
      float* at = to + b * to_ld + d;
      const __m512 value =
          kAdd ? _mm512_fmadd_ps(left, right, _mm512_maskz_loadu_ps(mask, at)) : _mm512_mul_ps(left, right);
      _mm512_mask_storeu_ps(at, mask, value);
    }
  }
}

}  // namespace

void bilinear_forward_avx512(const BilinearRows& rows, const float* transposed, float* scratch,
                             const BilinearShape& shape) {
  const int64_t D = shape.D, size = D * shape.Dp;
  const bool own = shape.kind == BilinearKind::kInteraction;
  int64_t pair = 0;
  for (int64_t i = 0; i < shape.F; i++) {
    for (int64_t j = i + 1; j < shape.F; j++, pair++) {
      if (own || j == i + 1) products(scratch, rows, i, transposed + shape.matrix(pair, i) * size, shape);
      multiply<false>(rows.out + pair * D, rows.out_ld, scratch, shape.Dp, rows.slots + j * D, rows.slots_ld,
                      rows.samples, D);
    }
  }
}

void bilinear_backward_avx512(const BilinearRows& rows, float* dmatrices, const float* matrices,
                              const float* transposed, float* scratch, const BilinearShape& shape) {
  const int64_t F = shape.F, D = shape.D, Dp = shape.Dp, samples = rows.samples;
  const bool own = shape.kind == BilinearKind::kInteraction;
  float* t = scratch;
  float* dt = scratch + kBilinearSamples * Dp;
  int64_t pair = 0;
  for (int64_t i = 0; i < F; i++) {
    for (int64_t j = i + 1; j < F; j++, pair++) {
      const int64_t at = shape.matrix(pair, i) * D * Dp;
      const float* dp = rows.dout + pair * D;
      const float* second = rows.slots + j * D;
      if (own || j == i + 1) {
        multiply<false>(dt, Dp, dp, rows.out_ld, second, rows.slots_ld, samples, D);
      } else {
        multiply<true>(dt, Dp, dp, rows.out_ld, second, rows.slots_ld, samples, D);
      }
      if (rows.dslots) {
        if (own || j == i + 1) products(t, rows, i, transposed + at, shape);
        multiply<true>(rows.dslots + j * D, rows.slots_ld, dp, rows.out_ld, t, Dp, samples, D);
      }
      if (!own && j + 1 < F) continue;
      block_gemm_avx512(
          {dmatrices + at, Dp, dt, 1, Dp, rows.slots + i * D, rows.slots_ld, D, D, samples, true});
      if (!rows.dslots) continue;
      block_gemm_avx512(
          {rows.dslots + i * D, rows.slots_ld, dt, Dp, 1, matrices + at, Dp, samples, D, D, true});
    }
  }
}

}  // namespace pss
