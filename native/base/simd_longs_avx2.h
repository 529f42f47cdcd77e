// Vectors of 64-bit numbers on AVX2: the names of simd_longs_avx512.h, four lanes.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace pss {
namespace {

struct Longs {
  using Vector = __m256i;
  static constexpr int64_t kLanes = 4;

  static Vector set(uint64_t value) { return _mm256_set1_epi64x(static_cast<int64_t>(value)); }
  static Vector load(const uint64_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  static void store(uint64_t* to, Vector value) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value);
  }
  static Vector load_words(const uint32_t* from, int64_t count) {
    return _mm256_cvtepu32_epi64(_mm_maskload_epi32(reinterpret_cast<const int*>(from), lanes(count)));
  }
  static void store_words(uint32_t* to, Vector value, int64_t count) {
    const __m256i even = _mm256_permutevar8x32_epi32(value, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
    const __m128i words = _mm256_castsi256_si128(even);
    // Masked stores are slow, and most are of whole vectors.
    if (count >= kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), words);
    } else {
      _mm_maskstore_epi32(reinterpret_cast<int*>(to), lanes(count), words);
    }
  }

  // Of 32-bit halves, of which every number has two.
  static Vector pick(Vector values, Vector from) {
    const __m256i low = _mm256_slli_epi64(from, 1);
    const __m256i high = _mm256_slli_epi64(_mm256_add_epi64(low, _mm256_set1_epi64x(1)), 32);
    return _mm256_permutevar8x32_epi32(values, _mm256_or_si256(low, high));
  }
  static Vector add(Vector a, Vector b) { return _mm256_add_epi64(a, b); }
  static Vector exclusive_or(Vector a, Vector b) { return _mm256_xor_si256(a, b); }
  template <int n>
  static Vector shift_right(Vector a) {
    return _mm256_srli_epi64(a, n);
  }
  // From products of halves: low * low + 2^32 * (low * high + high * low).
  static Vector multiply(Vector a, Vector b) {
    const __m256i crossed = _mm256_mullo_epi32(a, _mm256_shuffle_epi32(b, 0xB1));
    const __m256i high = _mm256_slli_epi64(_mm256_add_epi32(crossed, _mm256_srli_epi64(crossed, 32)), 32);
    return _mm256_add_epi64(_mm256_mul_epu32(a, b), high);
  }
  static Vector multiply_words(Vector a, Vector b) { return _mm256_mul_epu32(a, b); }
  static Vector reduce(Vector a, Vector p) {
    const __m256i below = _mm256_cmpgt_epi64(p, a);
    return _mm256_sub_epi64(a, _mm256_andnot_si256(below, p));
  }

 private:
  static __m128i lanes(int64_t count) {
    const auto limit = static_cast<int32_t>(count < kLanes ? count : kLanes);
    return _mm_cmpgt_epi32(_mm_set1_epi32(limit), _mm_setr_epi32(0, 1, 2, 3));
  }
};

}  // namespace
}  // namespace pss
