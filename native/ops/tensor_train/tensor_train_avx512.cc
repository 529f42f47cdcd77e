#include <immintrin.h>

#include "ops/tensor_train/tensor_train.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

// out[m, n] = sum_k left[m, k] * right[k, n]; where kLeftTransposed, left is stored [k, m]. Sixteen columns
// of four rows stay in registers.
template <bool kLeftTransposed>
void multiply(float* out, const float* left, const float* right, int64_t m, int64_t k, int64_t n) {
  const auto left_at = [&](int64_t i, int64_t p) {
    return _mm512_set1_ps(kLeftTransposed ? left[p * m + i] : left[i * k + p]);
  };
  for (int64_t j = 0; j < n; j += 16) {
    const __mmask16 mask = lanes(n - j);
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) {
      __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
      for (int64_t p = 0; p < k; p++) {
        const __m512 row = _mm512_maskz_loadu_ps(mask, right + p * n + j);
        s0 = _mm512_fmadd_ps(left_at(i, p), row, s0);
        s1 = _mm512_fmadd_ps(left_at(i + 1, p), row, s1);
        s2 = _mm512_fmadd_ps(left_at(i + 2, p), row, s2);
        s3 = _mm512_fmadd_ps(left_at(i + 3, p), row, s3);
      }
      _mm512_mask_storeu_ps(out + i * n + j, mask, s0);
      _mm512_mask_storeu_ps(out + (i + 1) * n + j, mask, s1);
      _mm512_mask_storeu_ps(out + (i + 2) * n + j, mask, s2);
      _mm512_mask_storeu_ps(out + (i + 3) * n + j, mask, s3);
    }
    for (; i < m; i++) {
      __m512 sum = _mm512_setzero_ps();
      for (int64_t p = 0; p < k; p++) {
        sum = _mm512_fmadd_ps(left_at(i, p), _mm512_maskz_loadu_ps(mask, right + p * n + j), sum);
      }
      _mm512_mask_storeu_ps(out + i * n + j, mask, sum);
    }
  }
}

// out[m, n] = sum_k left[m, k] * right[n, k]
void multiply_transposed(float* out, const float* left, const float* right, int64_t m, int64_t k, int64_t n) {
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < n; j++) {
      __m512 sum = _mm512_setzero_ps();
      for (int64_t p = 0; p < k; p += 16) {
        const __mmask16 mask = lanes(k - p);
        sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, left + i * k + p),
                              _mm512_maskz_loadu_ps(mask, right + j * k + p), sum);
      }
      out[i * n + j] = _mm512_reduce_add_ps(sum);
    }
  }
}

}  // namespace

void tensor_train_avx512(float* out, float* h, TrainCores<const float> cores, const TrainShape& shape) {
  const auto [r, d0, d1, d2] = shape;
  multiply<false>(h, cores.core0, cores.core1, d0, r, d1 * r);
  multiply<false>(out, h, cores.core2, d0 * d1, r, d2);
}

void tensor_train_backward_avx512(TrainCores<float> dcores, float* h, float* dh, const float* dout,
                                  TrainCores<const float> cores, const TrainShape& shape) {
  const auto [r, d0, d1, d2] = shape;
  multiply<false>(h, cores.core0, cores.core1, d0, r, d1 * r);
  multiply_transposed(dh, dout, cores.core2, d0 * d1, d2, r);
  multiply<true>(dcores.core2, h, dout, r, d0 * d1, d2);
  multiply_transposed(dcores.core0, dh, cores.core1, d0, d1 * r, r);
  multiply<true>(dcores.core1, cores.core0, dh, r, d0, d1 * r);
}

}  // namespace pss
