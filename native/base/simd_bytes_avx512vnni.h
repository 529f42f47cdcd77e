// Products of 8-bit integers on AVX-512 with VNNI, as kernels that are written once for several instruction
// sets see them beside Simd (simd_bytes_avx2.h has the same names).
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace pss {
namespace {

struct Bytes {
  using Weights = __m512i;  // four bytes with sign for each lane
  using Inputs = __m512i;   // the same four bytes without sign in each lane
  // Rows of a product's tile of 4 vectors: with the operands they fill the 32 registers.
  static constexpr int kRows = 6;

  static Weights load_weights(const uint32_t* from) { return _mm512_loadu_si512(from); }
  static Inputs spread(uint32_t bytes) { return _mm512_set1_epi32(static_cast<int32_t>(bytes)); }
  // sums[lane] += the four products of a lane, without saturation. GCC 12 copies the sums and stores them in
  // memory at every step of a product made of the intrinsic, which takes twice as long.
  static __m512i accumulate(__m512i sums, Inputs inputs, Weights weights) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(inputs), "v"(weights));
    return sums;
  }
  static __m512 to_floats(__m512i sums) { return _mm512_cvtepi32_ps(sums); }
  // The lanes as bytes: within [0, 255] (what isn't a number as 0), to the nearest, ties to even.
  static void store(uint8_t* to, __m512 values) {
    const __m512 bounded = _mm512_min_ps(_mm512_max_ps(values, _mm512_setzero_ps()), _mm512_set1_ps(255.0f));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(bounded)));
  }
};

}  // namespace
}  // namespace pss
