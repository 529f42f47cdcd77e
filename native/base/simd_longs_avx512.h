// Vectors of 64-bit numbers on AVX-512, as hashing that is written once for several instruction sets sees
// them (simd_longs_avx2.h has the same names).
//
// `count` says how many numbers are left: of fewer than kLanes no others are read or written. Words are
// 32-bit numbers in memory, which a vector holds as 64-bit ones.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace pss {
namespace {

struct Longs {
  using Vector = __m512i;
  static constexpr int64_t kLanes = 8;

  static Vector set(uint64_t value) { return _mm512_set1_epi64(static_cast<int64_t>(value)); }
  static Vector load(const uint64_t* from) { return _mm512_loadu_si512(from); }
  static void store(uint64_t* to, Vector value) { _mm512_storeu_si512(to, value); }
  static Vector load_words(const uint32_t* from, int64_t count) {
    return _mm512_cvtepu32_epi64(_mm256_maskz_loadu_epi32(lanes(count), from));
  }
  static void store_words(uint32_t* to, Vector value, int64_t count) {
    _mm256_mask_storeu_epi32(to, lanes(count), _mm512_cvtepi64_epi32(value));
  }

  // values[lanes[lane]]
  static Vector pick(Vector values, Vector from) { return _mm512_permutexvar_epi64(from, values); }
  static Vector add(Vector a, Vector b) { return _mm512_add_epi64(a, b); }
  static Vector exclusive_or(Vector a, Vector b) { return _mm512_xor_si512(a, b); }
  template <int n>
  static Vector shift_right(Vector a) {
    return _mm512_srli_epi64(a, n);
  }
  // a * b mod 2^64
  static Vector multiply(Vector a, Vector b) { return _mm512_mullo_epi64(a, b); }
  // Of the lower halves, all 64 bits.
  static Vector multiply_words(Vector a, Vector b) { return _mm512_mul_epu32(a, b); }
  // a mod p for a < 2p < 2^63: below p, the difference wraps to more than a.
  static Vector reduce(Vector a, Vector p) { return _mm512_min_epu64(a, _mm512_sub_epi64(a, p)); }

 private:
  static __mmask8 lanes(int64_t count) {
    return count >= kLanes ? 0xFF : static_cast<__mmask8>((1u << count) - 1);
  }
};

}  // namespace
}  // namespace pss
