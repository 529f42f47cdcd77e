#include <immintrin.h>

#include "ops/sketch/sketch.h"

// S to the same bits as sketch_matrix.h: every operation is rounded, nothing is fused but in the products.
namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

inline __m512i word(uint32_t value) {
  return _mm512_set1_epi32(static_cast<int32_t>(value));
}

// The high and low halves of sixteen 32 x 32 bit products.
inline void multiply(__m512i& high, __m512i& low, __m512i a, __m512i b) {
  const __m512i even = _mm512_mul_epu32(a, b);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), b);
  high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
  low = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
}

// Philox4x32-10 of sixteen counters that differ in the lowest word.
inline void philox16(__m512i c[4], uint64_t key) {
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
    __m512i high0, low0, high1, low1;
    multiply(high0, low0, c[0], word(0xD2511F53));
    multiply(high1, low1, c[2], word(0xCD9E8D57));
    c[0] = _mm512_xor_si512(_mm512_xor_si512(high1, c[1]), word(k0));
    c[2] = _mm512_xor_si512(_mm512_xor_si512(high0, c[3]), word(k1));
    c[1] = low1;
    c[3] = low0;
  }
}

inline __m512 constant(float value) {
  return _mm512_set1_ps(value);
}
inline __m512 times(__m512 a, __m512 b) {
  return _mm512_mul_ps(a, b);
}
inline __m512 plus(__m512 a, float b) {
  return _mm512_add_ps(a, constant(b));
}

inline __m512 log16(__m512 p) {
  const __m512i bits = _mm512_castps_si512(p);
  __m512i e = _mm512_sub_epi32(_mm512_srli_epi32(bits, 23), _mm512_set1_epi32(127));
  __m512 m = _mm512_castsi512_ps(_mm512_or_si512(_mm512_and_si512(bits, word(0x7FFFFF)), word(0x3F800000)));
  const __mmask16 large = _mm512_cmp_ps_mask(m, constant(1.41421354f), _CMP_GT_OQ);
  m = _mm512_mask_mul_ps(m, large, m, constant(0.5f));
  e = _mm512_mask_add_epi32(e, large, e, _mm512_set1_epi32(1));
  const __m512 x = _mm512_div_ps(plus(m, -1.0f), plus(m, 1.0f)), y = times(x, x);
  __m512 series = plus(times(y, constant(1.0f / 9)), 1.0f / 7);
  series = plus(times(y, series), 1.0f / 5);
  series = plus(times(y, series), 1.0f / 3);
  series = times(y, series);
  const __m512 twice = times(constant(2.0f), x);
  const __m512 fraction = _mm512_add_ps(twice, times(twice, series));
  return _mm512_add_ps(times(_mm512_cvtepi32_ps(e), constant(0.693147182f)), fraction);
}

inline __m512 normal16(__m512i words) {
  const __m512 p = times(plus(_mm512_cvtepi32_ps(_mm512_srli_epi32(words, 1)), 0.5f), constant(0x1p-32f));
  const __m512 q = _mm512_sub_ps(constant(0.5f), p);
  const __m512 r = _mm512_sub_ps(constant(0.180625f), times(q, q));
  __m512 a = plus(times(constant(59.109374720f), r), 159.29113202f);
  a = plus(times(a, r), 50.434271938f);
  a = times(q, plus(times(a, r), 3.3871327179f));
  __m512 b = plus(times(constant(67.187563600f), r), 78.757757664f);
  b = plus(times(b, r), 17.895169469f);
  b = plus(times(b, r), 1.0f);
  __m512 z = _mm512_div_ps(a, b);
  const __mmask16 tail = _mm512_cmp_ps_mask(q, constant(0.425f), _CMP_GT_OQ);
  if (tail) {
    const __m512 minus_log =
        _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(log16(p)), word(1u << 31)));
    const __m512 t = plus(_mm512_sqrt_ps(minus_log), -1.6f);
    __m512 c = plus(times(constant(0.17023821103f), t), 1.3067284816f);
    c = plus(times(c, t), 2.7568153900f);
    c = plus(times(c, t), 1.4234372777f);
    __m512 d = plus(times(constant(0.12021132975f), t), 0.73700164250f);
    d = plus(times(d, t), 1.0f);
    z = _mm512_mask_div_ps(z, tail, c, d);
  }
  return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(z), _mm512_slli_epi32(words, 31)));
}

template <bool kGaussian>
inline __m512 entries16(__m512i words, __m512 scale) {
  if constexpr (kGaussian) return times(normal16(words), scale);
  __m512i sixth, low;
  multiply(sixth, low, words, word(6));
  const __m512 plus_scale = _mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask(sixth, word(0)), scale);
  const __m512 minus_scale = _mm512_sub_ps(_mm512_setzero_ps(), scale);
  return _mm512_mask_mov_ps(plus_scale, _mm512_cmpeq_epi32_mask(sixth, word(1)), minus_scale);
}

// Sixteen blocks of four rows. Lane i of words[w] is row 4*i + w.
template <bool kGaussian>
void entries64(float* entries, uint64_t key, uint64_t column, __m512 scale, int64_t first) {
  const auto block = static_cast<uint64_t>(first / 4);
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  __m512i words[4] = {_mm512_add_epi32(word(static_cast<uint32_t>(block)), lane),
                      word(static_cast<uint32_t>(block >> 32)), word(static_cast<uint32_t>(column)),
                      word(static_cast<uint32_t>(column >> 32))};
  philox16(words, key);
  __m512 v[4];
  for (int w = 0; w < 4; w++) v[w] = entries16<kGaussian>(words[w], scale);
  const __m512 low01 = _mm512_unpacklo_ps(v[0], v[1]), high01 = _mm512_unpackhi_ps(v[0], v[1]);
  const __m512 low23 = _mm512_unpacklo_ps(v[2], v[3]), high23 = _mm512_unpackhi_ps(v[2], v[3]);
  const auto pairs = [](__m512 a, __m512 b, bool high) {
    const __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return _mm512_castpd_ps(high ? _mm512_unpackhi_pd(x, y) : _mm512_unpacklo_pd(x, y));
  };
  // Quarter L of rows[i] is block 4*L + i.
  const __m512 rows[4] = {pairs(low01, low23, false), pairs(low01, low23, true), pairs(high01, high23, false),
                          pairs(high01, high23, true)};
  for (int i = 0; i < 4; i++) {
    _mm_storeu_ps(entries + 4 * i, _mm512_extractf32x4_ps(rows[i], 0));
    _mm_storeu_ps(entries + 16 + 4 * i, _mm512_extractf32x4_ps(rows[i], 1));
    _mm_storeu_ps(entries + 32 + 4 * i, _mm512_extractf32x4_ps(rows[i], 2));
    _mm_storeu_ps(entries + 48 + 4 * i, _mm512_extractf32x4_ps(rows[i], 3));
  }
}

// kVectors * 16 columns of four lookups, of which the last vector is masked.
template <int kVectors>
void forward_columns(float* out, const float* entries, int64_t entries_ld, const float* memory,
                     int64_t memory_ld, int64_t k, int64_t D, __mmask16 mask) {
  __m512 sums[kSketchGroup][kVectors];
  for (auto& row : sums) {
    for (__m512& sum : row) sum = _mm512_setzero_ps();
  }
  for (int64_t j = 0; j < k; j++) {
    __m512 row[kVectors];
    for (int v = 0; v < kVectors; v++) {
      row[v] = _mm512_maskz_loadu_ps(v + 1 < kVectors ? 0xFFFF : mask, memory + j * memory_ld + 16 * v);
    }
    for (int64_t g = 0; g < kSketchGroup; g++) {
      const __m512 entry = _mm512_set1_ps(entries[g * entries_ld + j]);
      for (int v = 0; v < kVectors; v++) sums[g][v] = _mm512_fmadd_ps(entry, row[v], sums[g][v]);
    }
  }
  for (int64_t g = 0; g < kSketchGroup; g++) {
    for (int v = 0; v < kVectors; v++) {
      _mm512_mask_storeu_ps(out + g * D + 16 * v, v + 1 < kVectors ? 0xFFFF : mask, sums[g][v]);
    }
  }
}

// Four rows of dM, kVectors * 16 columns.
template <int kVectors>
void backward_columns(float* dmemory, int64_t memory_ld, const float* entries, const float* const* dout,
                      int64_t offset, int64_t count, __mmask16 mask) {
  const auto lanes_of = [&](int v) { return v + 1 < kVectors ? __mmask16{0xFFFF} : mask; };
  __m512 sums[4][kVectors];
  for (int j = 0; j < 4; j++) {
    for (int v = 0; v < kVectors; v++) {
      sums[j][v] = _mm512_maskz_loadu_ps(lanes_of(v), dmemory + j * memory_ld + 16 * v);
    }
  }
  for (int64_t n = 0; n < count; n++) {
    __m512 row[kVectors];
    for (int v = 0; v < kVectors; v++) row[v] = _mm512_maskz_loadu_ps(lanes_of(v), dout[n] + offset + 16 * v);
    for (int j = 0; j < 4; j++) {
      const __m512 entry = _mm512_set1_ps(entries[n * kSketchBlock + j]);
      for (int v = 0; v < kVectors; v++) sums[j][v] = _mm512_fmadd_ps(entry, row[v], sums[j][v]);
    }
  }
  for (int j = 0; j < 4; j++) {
    for (int v = 0; v < kVectors; v++) {
      _mm512_mask_storeu_ps(dmemory + j * memory_ld + 16 * v, lanes_of(v), sums[j][v]);
    }
  }
}

}  // namespace

void sketch_entries_avx512(float* entries, SketchKind kind, uint64_t seed, uint64_t column, float scale,
                           int64_t first, int64_t count) {
  const __m512 factor = _mm512_set1_ps(scale);
  const auto fill = kind == SketchKind::kGaussian ? entries64<true> : entries64<false>;
  for (int64_t i = 0; i < count; i += kSketchBlock) {
    fill(entries + i, seed ^ kSketchKey, column, factor, first + i);
  }
}

void sketch_forward_avx512(float* out, const float* entries, int64_t entries_ld, const float* memory,
                           int64_t memory_ld, int64_t k, int64_t D) {
  int64_t i = 0;
  for (; i + 64 <= D; i += 64)
    forward_columns<4>(out + i, entries, entries_ld, memory + i, memory_ld, k, D, 0xFFFF);
  for (; i < D; i += 16)
    forward_columns<1>(out + i, entries, entries_ld, memory + i, memory_ld, k, D, lanes(D - i));
}

void sketch_backward_avx512(float* dmemory, int64_t memory_ld, const float* entries, const float* const* dout,
                            int64_t count, int64_t rows, int64_t D) {
  const int64_t whole = rows / 4 * 4;
  for (int64_t j = 0; j < whole; j += 4) {
    float* target = dmemory + j * memory_ld;
    int64_t i = 0;
    for (; i + 64 <= D; i += 64)
      backward_columns<4>(target + i, memory_ld, entries + j, dout, i, count, 0xFFFF);
    for (; i < D; i += 16)
      backward_columns<1>(target + i, memory_ld, entries + j, dout, i, count, lanes(D - i));
  }
  if (whole < rows) {
    sketch_backward_ref(dmemory + whole * memory_ld, memory_ld, entries + whole, dout, count, rows - whole,
                        D);
  }
}

}  // namespace pss
