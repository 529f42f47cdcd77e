#include <immintrin.h>

#include <algorithm>

#include "ops/self_attention/self_attention.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

// e^x for x <= 0, about 1 unit in the last place: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial in r,
// times 2^n.
inline __m512 exponential(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.0f / 5040);
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) {
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  }
  return _mm512_scalef_ps(p, n);
}

void softmax(float* row, int64_t n) {
  __m512 most = _mm512_set1_ps(-__builtin_inff());
  for (int64_t i = 0; i < n; i += 16) {
    most = _mm512_mask_max_ps(most, lanes(n - i), most, _mm512_maskz_loadu_ps(lanes(n - i), row + i));
  }
  const __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(most));
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = lanes(n - i);
    const __m512 e =
        _mm512_maskz_mov_ps(mask, exponential(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, row + i), top)));
    sum = _mm512_add_ps(sum, e);
    _mm512_storeu_ps(row + i, e);
  }
  const __m512 scale = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(sum));
  for (int64_t i = 0; i < n; i += 16)
    _mm512_storeu_ps(row + i, _mm512_mul_ps(_mm512_loadu_ps(row + i), scale));
}

// ds[f, g] = P * (dP - sum_g P * dP), in place of dP.
void softmax_backward(float* dp, const float* p, int64_t F, int64_t Fp) {
  for (int64_t f = 0; f < F; f++, dp += Fp, p += Fp) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t g = 0; g < F; g += 16) {
      const __mmask16 mask = lanes(F - g);
      sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, dp + g), _mm512_maskz_loadu_ps(mask, p + g), sum);
    }
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum));
    for (int64_t g = 0; g < F; g += 16) {
      const __mmask16 mask = lanes(F - g);
      const __m512 above = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, dp + g), mean);
      _mm512_mask_storeu_ps(dp + g, mask, _mm512_mul_ps(above, _mm512_maskz_loadu_ps(mask, p + g)));
    }
  }
}

}  // namespace

void attention_forward_avx512(float* y, float* probabilities, const float* qkv, float* scratch,
                              const AttentionShape& shape) {
  const int64_t F = shape.F, Fp = shape.Fp, dim = shape.dim, A = shape.A();
  for (int64_t h = 0; h < shape.heads; h++) {
    const float* q = qkv + h * dim;
    float* p = probabilities + h * F * Fp;
    transpose_avx512(scratch, Fp, q + A, 3 * A, F, dim);
    block_gemm_avx512({p, Fp, q, 3 * A, 1, scratch, Fp, F, F, dim, false});
    for (int64_t f = 0; f < F; f++) softmax(p + f * Fp, F);
    block_gemm_avx512({y + h * dim, A, p, Fp, 1, q + 2 * A, 3 * A, F, dim, F, true});
  }
  for (int64_t i = 0; i < F * A; i += 16) {
    const __mmask16 mask = lanes(F * A - i);
    _mm512_mask_storeu_ps(y + i, mask,
                          _mm512_max_ps(_mm512_maskz_loadu_ps(mask, y + i), _mm512_setzero_ps()));
  }
}

void attention_backward_avx512(float* dqkvr, const float* dy, const float* y, const float* probabilities,
                               const float* qkv, float* scratch, const AttentionShape& shape) {
  const int64_t F = shape.F, Fp = shape.Fp, dim = shape.dim, A = shape.A();
  for (int64_t f = 0; f < F; f++) {
    for (int64_t a = 0; a < A; a += 16) {
      const __mmask16 mask = lanes(A - a);
      const __mmask16 alive = _mm512_mask_cmp_ps_mask(mask, _mm512_maskz_loadu_ps(mask, y + f * A + a),
                                                      _mm512_setzero_ps(), _CMP_GT_OQ);
      const __m512 gradient = _mm512_maskz_loadu_ps(alive, dy + f * A + a);
      _mm512_mask_storeu_ps(dqkvr + (4 * f + 3) * A + a, mask, gradient);
    }
  }
  float* transposed = scratch;
  float* ds = scratch + pad_to_vector(dim) * Fp;
  for (int64_t h = 0; h < shape.heads; h++) {
    const float* q = qkv + h * dim;
    const float* p = probabilities + h * F * Fp;
    float* dq = dqkvr + h * dim;
    const float* dr = dq + 3 * A;
    block_gemm_avx512({dq + 2 * A, 4 * A, p, 1, Fp, dr, 4 * A, F, dim, F, false});
    transpose_avx512(transposed, Fp, q + 2 * A, 3 * A, F, dim);
    block_gemm_avx512({ds, Fp, dr, 4 * A, 1, transposed, Fp, F, F, dim, false});
    softmax_backward(ds, p, F, Fp);
    block_gemm_avx512({dq, 4 * A, ds, Fp, 1, q + A, 3 * A, F, dim, F, false});
    block_gemm_avx512({dq + A, 4 * A, ds, 1, Fp, q, 3 * A, F, dim, F, false});
  }
}

}  // namespace pss
