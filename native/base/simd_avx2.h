// AVX2 with FMA as kernels that are written once for several instruction sets see it: the names of
// simd_avx512.h, eight lanes.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/bf16.h"

namespace pss {
namespace {

struct Simd {
  using Floats = __m256;
  using Words = __m256i;
  using Mask = __m256i;
  static constexpr int kLanes = 8, kRegisters = 16;
  static constexpr int kVectors = 2;
  static constexpr int kRows = 6, kRowsBf16 = 4;
  static constexpr bool kHasBf16 = false;

  static Floats zero() { return _mm256_setzero_ps(); }
  static Floats set(float value) { return _mm256_set1_ps(value); }
  static Floats load(const float* from) { return _mm256_loadu_ps(from); }
  static Floats load(const Bf16* from) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
  }
  static void store(float* to, Floats value) { _mm256_storeu_ps(to, value); }
  static void store(Bf16* to, Floats value) {
    const __m256i words = pairs(value, value);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(words));
  }
  static Mask mask(int64_t count) {
    const auto lanes = static_cast<int>(count > 8 ? 8 : count < 0 ? 0 : count);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static Floats load(Mask mask, const float* from) { return _mm256_maskload_ps(from, mask); }
  static void store(Mask mask, float* to, Floats value) { _mm256_maskstore_ps(to, mask, value); }
  static Mask bits(uint64_t lanes) {
    const __m256i own = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int32_t>(lanes)), own), own);
  }
  static Floats where(Mask mask, Floats a) { return _mm256_and_ps(_mm256_castsi256_ps(mask), a); }
  static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
  static Floats subtract(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
  static Floats divide(Floats a, Floats b) { return _mm256_div_ps(a, b); }
  static Floats max(Floats a, Floats b) { return _mm256_max_ps(a, b); }
  static Floats to_integer(Floats a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Floats times_power(Floats a, Floats n) {
    const __m256i exponent =
        _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_max_ps(n, set(-127))), _mm256_set1_epi32(127));
    return multiply(a, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
  }
  static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  static Floats root(Floats a) { return _mm256_sqrt_ps(a); }
  static Floats relu(Floats a) { return _mm256_max_ps(a, zero()); }
  static Floats where_positive(Floats g, Floats y) {
    return _mm256_and_ps(_mm256_cmp_ps(y, zero(), _CMP_GT_OQ), g);
  }
  static float sum(Floats a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
  }

  static Mask differing(Mask inside, Floats a, Floats b) {
    return _mm256_andnot_si256(_mm256_cmpeq_epi32(as_words(a), as_words(b)), inside);
  }
  static bool is_empty(Mask mask) { return _mm256_testz_si256(mask, mask); }
  static bool is_full(Mask mask) { return _mm256_movemask_ps(_mm256_castsi256_ps(mask)) == 0xFF; }
  // There are no masked loads and stores of 16 bits: one by one.
  static Floats load(Mask mask, const Bf16* from) {
    alignas(16) Bf16 part[kLanes] = {};
    for (int i = 0; i < lanes_of(mask); i++) part[i] = from[i];
    return load(part);
  }
  static void store(Mask mask, Bf16* to, Floats value) {
    alignas(16) Bf16 part[kLanes];
    store(part, value);
    for (int i = 0; i < lanes_of(mask); i++) to[i] = part[i];
  }
  // Masked stores are slow here, so all lanes are written.
  static void replace(Mask mask, float* to, Floats value) {
    store(to, _mm256_blendv_ps(load(to), value, _mm256_castsi256_ps(mask)));
  }
  static Floats gather(Mask mask, const float* memory, const uint32_t* indices) {
    const Words index = _mm256_maskload_epi32(reinterpret_cast<const int*>(indices), mask);
    const float* middle = reinterpret_cast<const float*>(reinterpret_cast<uintptr_t>(memory) + kHalfOfWords);
    return _mm256_mask_i32gather_ps(zero(), middle, _mm256_xor_si256(index, _mm256_set1_epi32(INT32_MIN)),
                                    _mm256_castsi256_ps(mask), 4);
  }

  static Words load_words(const uint32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  static void store_words(uint32_t* to, Words value) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value);
  }
  static Words set_word(uint32_t value) { return _mm256_set1_epi32(static_cast<int32_t>(value)); }
  static Words as_words(Floats value) { return _mm256_castps_si256(value); }
  static Floats as_floats(Words value) { return _mm256_castsi256_ps(value); }

  static Words lane_numbers() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
  static Words add_words(Words a, Words b) { return _mm256_add_epi32(a, b); }
  static Words exclusive_or(Words a, Words b) { return _mm256_xor_si256(a, b); }
  static void multiply_words(Words a, uint32_t factor, Words& low, Words& high) {
    const __m256i f = _mm256_set1_epi64x(factor);
    const __m256i even = _mm256_mul_epu32(a, f), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), f);
    low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
  }
  static uint32_t at_least(Words a, uint32_t bound) {
    const __m256i larger = _mm256_cmpeq_epi32(_mm256_max_epu32(a, set_word(bound)), a);
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(larger)));
  }

  static Floats round(Floats value) {
    const __m256i bits = as_words(value);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
    const __m256 quiet = _mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x400000)));
    const __m256 nan = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    return _mm256_and_ps(_mm256_blendv_ps(_mm256_castsi256_ps(rounded), quiet, nan),
                         _mm256_castsi256_ps(high_halves()));
  }
  static Words join(Floats low, Floats high) {
    return _mm256_or_si256(_mm256_srli_epi32(as_words(low), 16),
                           _mm256_and_si256(as_words(high), high_halves()));
  }
  static Words pairs(Floats first, Floats second) {
    const __m256i a = _mm256_srli_epi32(as_words(round(first)), 16);
    const __m256i b = _mm256_srli_epi32(as_words(round(second)), 16);
    // packus works within halves of the register: put its quarters in order.
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xD8);
  }
  static Words interleave(Floats low, Floats high) { return join(round(low), round(high)); }
  static Floats accumulate(float, Floats c, Words a, Words b) {
    return _mm256_fmadd_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), c);
  }
  static Floats accumulate(Bf16, Floats c, Words a, Words b) {
    c = _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)),
                        _mm256_castsi256_ps(_mm256_slli_epi32(b, 16)), c);
    return _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_and_si256(a, high_halves())),
                           _mm256_castsi256_ps(_mm256_and_si256(b, high_halves())), c);
  }

  // Transposes 8 x 8 words held in registers.
  static void transpose(Words (&words)[8]) {
    __m256 r[8], t[8];
    for (int i = 0; i < 8; i++) r[i] = _mm256_castsi256_ps(words[i]);
    for (int i = 0; i < 4; i++) {
      t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
      t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
      for (int j = 0; j < 2; j++) {
        const __m256d a = _mm256_castps_pd(t[4 * i + j]), b = _mm256_castps_pd(t[4 * i + 2 + j]);
        r[4 * i + 2 * j] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
        r[4 * i + 2 * j + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
      }
    }
    for (int j = 0; j < 4; j++) {
      words[j] = as_words(_mm256_permute2f128_ps(r[j], r[4 + j], 0x20));
      words[4 + j] = as_words(_mm256_permute2f128_ps(r[j], r[4 + j], 0x31));
    }
  }

 private:
  static constexpr uintptr_t kHalfOfWords = uintptr_t{1} << 33;  // bytes
  static int lanes_of(Mask mask) {
    return __builtin_popcount(static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(mask))));
  }
  static __m256i high_halves() { return _mm256_set1_epi32(static_cast<int32_t>(0xFFFF0000)); }
};

}  // namespace
}  // namespace pss
