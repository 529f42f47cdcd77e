// AVX-512 as kernels that are written once for several instruction sets see it (simd_avx2.h has the same
// names). Only for files that are compiled for AVX-512, each of which gets its own copy.
//
// A word is what a product takes in one step: a float, or a pair of bf16, the earlier one in the lower half.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/bf16.h"

namespace pss {
namespace {

struct Simd {
  using Floats = __m512;
  using Words = __m512i;
  using Mask = __mmask16;
  static constexpr int kLanes = 16, kRegisters = 32;
  // Accumulators of a product's tile, rows by vectors: with the operands they fill the 32 registers.
  static constexpr int kVectors = 4;
#ifdef __AVX512BF16__
  static constexpr int kRows = 6, kRowsBf16 = 6;
  static constexpr bool kHasBf16 = true;
#else
  static constexpr int kRows = 6, kRowsBf16 = 4;
  static constexpr bool kHasBf16 = false;
#endif

  static Floats zero() { return _mm512_setzero_ps(); }
  static Floats set(float value) { return _mm512_set1_ps(value); }
  static Floats load(const float* from) { return _mm512_loadu_ps(from); }
  static Floats load(const Bf16* from) {
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
  static void store(float* to, Floats value) { _mm512_storeu_ps(to, value); }
  static void store(Bf16* to, Floats value) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), narrow(value));
  }
  // The first `count` lanes: none below 1, all from kLanes on. Others load as zeros and aren't stored.
  static Mask mask(int64_t count) {
    return count >= 16 ? 0xFFFF : static_cast<Mask>(count > 0 ? (1u << count) - 1 : 0);
  }
  static Floats load(Mask mask, const float* from) { return _mm512_maskz_loadu_ps(mask, from); }
  static void store(Mask mask, float* to, Floats value) { _mm512_mask_storeu_ps(to, mask, value); }
  // The lanes whose bits are set, from the lowest on; what others hold becomes 0 in `where`.
  static Mask bits(uint64_t lanes) { return static_cast<Mask>(lanes); }
  static Floats where(Mask mask, Floats a) { return _mm512_maskz_mov_ps(mask, a); }
  static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  static Floats subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
  static Floats divide(Floats a, Floats b) { return _mm512_div_ps(a, b); }
  static Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
  static Floats to_integer(Floats a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // a * 2^n for an integer n, 0 where that is below all normal numbers.
  static Floats times_power(Floats a, Floats n) {
    const __m512i exponent =
        _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_max_ps(n, set(-127))), _mm512_set1_epi32(127));
    return multiply(a, _mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23)));
  }
  static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static Floats root(Floats a) { return _mm512_sqrt_ps(a); }
  static Floats relu(Floats a) { return _mm512_max_ps(a, zero()); }
  // g where y > 0, else 0.
  static Floats where_positive(Floats g, Floats y) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(y, zero(), _CMP_GT_OQ), g);
  }
  static float sum(Floats a) { return _mm512_reduce_add_ps(a); }

  // The lanes of `inside` where the bits of a and b differ.
  static Mask differing(Mask inside, Floats a, Floats b) {
    return _mm512_mask_cmpneq_epi32_mask(inside, as_words(a), as_words(b));
  }
  static bool is_empty(Mask mask) { return mask == 0; }
  static bool is_full(Mask mask) { return mask == 0xFFFF; }
  static Floats load(Mask mask, const Bf16* from) {
    const __m256i half = _mm256_maskz_loadu_epi16(mask, from);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
  static void store(Mask mask, Bf16* to, Floats value) { _mm256_mask_storeu_epi16(to, mask, narrow(value)); }
  // store, where all lanes of `to` may be written with what they hold.
  static void replace(Mask mask, float* to, Floats value) { store(mask, to, value); }
  // memory[indices[lane]]. Gather's own indices are signed: a base 2^31 floats further on, with the top bit
  // flipped, reaches all 2^32.
  static Floats gather(Mask mask, const float* memory, const uint32_t* indices) {
    const Words index = _mm512_maskz_loadu_epi32(mask, indices);
    const char* middle = reinterpret_cast<const char*>(reinterpret_cast<uintptr_t>(memory) + kHalfOfWords);
    return _mm512_mask_i32gather_ps(zero(), mask, _mm512_xor_si512(index, _mm512_set1_epi32(INT32_MIN)),
                                    middle, 4);
  }

  static Words load_words(const uint32_t* from) { return _mm512_loadu_si512(from); }
  static void store_words(uint32_t* to, Words value) { _mm512_storeu_si512(to, value); }
  static Words set_word(uint32_t value) { return _mm512_set1_epi32(static_cast<int32_t>(value)); }
  static Words as_words(Floats value) { return _mm512_castps_si512(value); }
  static Floats as_floats(Words value) { return _mm512_castsi512_ps(value); }

  static Words lane_numbers() {
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }
  static Words add_words(Words a, Words b) { return _mm512_add_epi32(a, b); }
  static Words exclusive_or(Words a, Words b) { return _mm512_xor_si512(a, b); }
  // Low and high halves of the lanes' products with `factor`.
  static void multiply_words(Words a, uint32_t factor, Words& low, Words& high) {
    const __m512i f = _mm512_set1_epi64(factor);
    const __m512i even = _mm512_mul_epu32(a, f), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), f);
    low = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
    high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
  }
  // A bit for each lane that holds `bound` or more, unsigned.
  static uint32_t at_least(Words a, uint32_t bound) { return _mm512_cmpge_epu32_mask(a, set_word(bound)); }

  // What bf16 holds of each value, as floats.
  static Floats round(Floats value) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow(value)), 16));
  }
  // Lane i is the pair (low[i], high[i]); both hold bf16 values already.
  static Words join(Floats low, Floats high) {
    // bits of high | bits of low shifted down: 0xF8 is a | (b & c).
    return _mm512_ternarylogic_epi32(_mm512_srli_epi32(as_words(low), 16), as_words(high),
                                     _mm512_set1_epi32(static_cast<int32_t>(0xFFFF0000)), 0xF8);
  }
  // Lane i is the pair (values[2i], values[2i + 1]) of 32 consecutive values, rounded.
  static Words pairs(Floats first, Floats second) {
#ifdef __AVX512BF16__
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
#else
    return _mm512_inserti64x4(_mm512_castsi256_si512(narrow(first)), narrow(second), 1);
#endif
  }
  // Lane i is the pair (low[i], high[i]), rounded.
  static Words interleave(Floats low, Floats high) {
#ifdef __AVX512BF16__
    const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, halves);
#else
    return join(round(low), round(high));
#endif
  }
  // c += a * b, of floats.
  static Floats accumulate(float, Floats c, Words a, Words b) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), c);
  }
  // c += a.low * b.low + a.high * b.high
  static Floats accumulate(Bf16, Floats c, Words a, Words b) {
#ifdef __AVX512BF16__
    return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
#else
    const __m512i high = _mm512_set1_epi32(static_cast<int32_t>(0xFFFF0000));
    c = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(a, 16)),
                        _mm512_castsi512_ps(_mm512_slli_epi32(b, 16)), c);
    return _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(a, high)),
                           _mm512_castsi512_ps(_mm512_and_si512(b, high)), c);
#endif
  }

  // Transposes 16 x 16 words held in registers, in four rounds of pairwise exchange.
  static void transpose(Words (&words)[16]) {
    __m512 r[16], t[16];
    for (int i = 0; i < 16; i++) r[i] = _mm512_castsi512_ps(words[i]);
    for (int i = 0; i < 8; i++) {
      t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
      t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) {
      for (int j = 0; j < 2; j++) {
        const __m512d a = _mm512_castps_pd(t[4 * i + j]), b = _mm512_castps_pd(t[4 * i + 2 + j]);
        r[4 * i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        r[4 * i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
      }
    }
    for (int j = 0; j < 4; j++) {
      t[j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
      t[4 + j] = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
      t[8 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
      t[12 + j] = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
    }
    for (int j = 0; j < 4; j++) {
      words[j] = as_words(_mm512_shuffle_f32x4(t[j], t[8 + j], 0x88));
      words[8 + j] = as_words(_mm512_shuffle_f32x4(t[j], t[8 + j], 0xdd));
      words[4 + j] = as_words(_mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0x88));
      words[12 + j] = as_words(_mm512_shuffle_f32x4(t[4 + j], t[12 + j], 0xdd));
    }
  }

 private:
  static constexpr uintptr_t kHalfOfWords = uintptr_t{1} << 33;  // bytes
  static __m256i narrow(Floats value) {
#ifdef __AVX512BF16__
    return (__m256i)_mm512_cvtneps_pbh(value);
#else
    const __m512i bits = as_words(value);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
    const __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, nan, quiet), 16));
#endif
  }
};

}  // namespace
}  // namespace pss
