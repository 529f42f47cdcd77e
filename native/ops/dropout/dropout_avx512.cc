#include <immintrin.h>

#include "ops/dropout/dropout.h"

namespace pss {

namespace {

// Low and high halves of 16 products of 32 bits.
inline void multiply(__m512i a, __m512i factor, __m512i& low, __m512i& high) {
  const __m512i even = _mm512_mul_epu32(a, factor);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), factor);
  low = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
  high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
}

}  // namespace

// Philox4x32-10 of base/philox.h for 16 counters at a time: the same bits.
uint64_t dropout_mask_avx512(uint64_t group, const DropoutKey& key) {
  const uint64_t counter = group * 16;  // its low 4 bits are the lanes' own
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const auto all = [](uint64_t word) { return _mm512_set1_epi32(static_cast<int>(word)); };
  __m512i c0 = _mm512_add_epi32(all(counter), lane), c1 = all(counter >> 32);
  __m512i c2 = all(key.stream), c3 = all(key.stream >> 32);
  uint32_t k0 = static_cast<uint32_t>(key.seed), k1 = static_cast<uint32_t>(key.seed >> 32);
  const __m512i m0 = _mm512_set1_epi64(0xD2511F53), m1 = _mm512_set1_epi64(0xCD9E8D57);
  for (int round = 0; round < 10; round++) {
    __m512i low0, high0, low1, high1;
    multiply(c0, m0, low0, high0);
    multiply(c2, m1, low1, high1);
    c0 = _mm512_xor_si512(_mm512_xor_si512(high1, c1), all(k0));
    c1 = low1;
    c2 = _mm512_xor_si512(_mm512_xor_si512(high0, c3), all(k1));
    c3 = low0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  const __m512i threshold = all(key.threshold);
  const auto kept = [&](__m512i words) {
    return static_cast<uint64_t>(_mm512_cmpge_epu32_mask(words, threshold));
  };
  return kept(c0) | kept(c1) << 16 | kept(c2) << 32 | kept(c3) << 48;
}

void dropout_apply_avx512(float* to, const float* from, const uint64_t* masks, float scale, int64_t ld) {
  const __m512 factor = _mm512_set1_ps(scale);
  for (int64_t i = 0; i < ld; i += 16) {
    const auto kept = static_cast<__mmask16>(masks[i / 64] >> (i % 64));
    _mm512_storeu_ps(to + i, _mm512_maskz_mul_ps(kept, _mm512_loadu_ps(from + i), factor));
  }
}

}  // namespace pss
