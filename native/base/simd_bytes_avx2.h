// Products of 8-bit integers on AVX2: the names of simd_bytes_avx512vnni.h, eight lanes.
//
// Its own products of bytes saturate sums of two at 16 bits, so bytes are widened to 16 bits first, those at
// even and at odd places apart.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace pss {
namespace {

struct Bytes {
  struct Weights {
    __m256i even, odd;
  };
  using Inputs = Weights;
  static constexpr int kRows = 3;

  static Weights load_weights(const uint32_t* from) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return {_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
  }
  static Inputs spread(uint32_t bytes) {
    constexpr uint32_t kEven = 0x00FF00FF;
    return {_mm256_set1_epi32(static_cast<int32_t>(bytes & kEven)),
            _mm256_set1_epi32(static_cast<int32_t>(bytes >> 8 & kEven))};
  }
  static __m256i accumulate(__m256i sums, const Inputs& inputs, const Weights& weights) {
    const __m256i even = _mm256_madd_epi16(inputs.even, weights.even);
    const __m256i odd = _mm256_madd_epi16(inputs.odd, weights.odd);
    return _mm256_add_epi32(sums, _mm256_add_epi32(even, odd));
  }
  static __m256 to_floats(__m256i sums) { return _mm256_cvtepi32_ps(sums); }
  static void store(uint8_t* to, __m256 values) {
    const __m256 bounded = _mm256_min_ps(_mm256_max_ps(values, _mm256_setzero_ps()), _mm256_set1_ps(255.0f));
    const __m256i words = _mm256_cvtps_epi32(bounded);
    const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(halves, halves));
  }
};

}  // namespace
}  // namespace pss
