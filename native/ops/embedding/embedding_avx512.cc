#include <immintrin.h>

#include "ops/embedding/embedding.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

// Masked lanes are neither read nor written.
inline void copy(float* to, const float* from, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) _mm512_storeu_ps(to + i, _mm512_loadu_ps(from + i));
  if (i < n) _mm512_mask_storeu_ps(to + i, lanes(n - i), _mm512_maskz_loadu_ps(lanes(n - i), from + i));
}

// Chunks of one float. Gather's indices are signed: a base 2^31 floats further on, with the top bit flipped,
// reaches all 2^32 starts.
void gather_floats(float* out, const float* memory, const uint32_t* starts, int64_t D) {
  const char* base =
      reinterpret_cast<const char*>(reinterpret_cast<uintptr_t>(memory) + (uintptr_t{1} << 33));
  const __m512i flip = _mm512_set1_epi32(INT32_MIN);
  for (int64_t i = 0; i < D; i += 16) {
    const __mmask16 mask = lanes(D - i);
    const __m512i index = _mm512_xor_si512(_mm512_maskz_loadu_epi32(mask, starts + i), flip);
    const __m512 values = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, index, base, 4);
    _mm512_mask_storeu_ps(out + i, mask, values);
  }
}

// Whole chunks whose length is known when compiling: no loop within one, no tail.
template <int64_t Z>
void gather_chunks(float* out, const float* memory, const uint32_t* starts, int64_t chunks, int64_t unit) {
  for (int64_t c = 0; c < chunks; c++, out += Z) {
    const float* chunk = memory + int64_t{starts[c]} * unit;
    for (int64_t s = 0; s < Z; s += 16) _mm512_storeu_ps(out + s, _mm512_loadu_ps(chunk + s));
  }
}

}  // namespace

void gather_sample_avx512(float* out, int64_t ld, const float* memory, const uint32_t* starts,
                          const Addressing& addressing) {
  const int64_t T = addressing.T, D = addressing.D, Z = addressing.Z, chunks = addressing.chunks;
  const int64_t unit = addressing.unit, last_length = D - (chunks - 1) * Z;
  const auto gather_whole = last_length < Z ? nullptr
                            : Z == 16       ? gather_chunks<16>
                            : Z == 32       ? gather_chunks<32>
                            : Z == 64       ? gather_chunks<64>
                            : Z == 128      ? gather_chunks<128>
                                            : nullptr;
  for (int64_t t = 0; t < T; t++, out += ld, starts += chunks) {
    if (gather_whole) {
      gather_whole(out, memory, starts, chunks, unit);
      continue;
    }
    if (Z == 1) {
      gather_floats(out, memory, starts, D);
      continue;
    }
    for (int64_t c = 0; c + 1 < chunks; c++) copy(out + c * Z, memory + int64_t{starts[c]} * unit, Z);
    copy(out + (chunks - 1) * Z, memory + int64_t{starts[chunks - 1]} * unit, last_length);
  }
}

}  // namespace pss
