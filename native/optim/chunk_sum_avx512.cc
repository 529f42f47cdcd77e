#include <immintrin.h>

#include "optim/chunk_sum.h"

namespace pss {

namespace {

// How far ahead gradients are asked for, in records and, where that is further, in floats. Their place is
// known, so the cache misses of several chunks overlap.
constexpr int64_t kAhead = 12, kFloatsAhead = 1024;

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

// A chunk that starts within a line ends in one line more.
template <bool kWithinLine, typename T>
inline void ask(const T* first, int64_t length) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t s = 0; s < length; s += kLine) {
    _mm_prefetch(reinterpret_cast<const char*>(first + s), _MM_HINT_T0);
  }
  if constexpr (kWithinLine) _mm_prefetch(reinterpret_cast<const char*>(first + length - 1), _MM_HINT_T0);
}

inline __m512 load(__mmask16 mask, const float* from) {
  return _mm512_maskz_loadu_ps(mask, from);
}
inline __m512 load(__mmask16 mask, const Bf16* from) {
  const __m256i half = _mm256_maskz_loadu_epi16(mask, from);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

template <typename T>
inline void add(float* to, const T* from, int64_t length) {
  const __m512 zero = _mm512_setzero_ps();
  int64_t s = 0;
  for (; s + 16 <= length; s += 16) {
    const __m512 g = _mm512_add_ps(load(0xFFFF, from + s), zero);
    _mm512_storeu_ps(to + s, _mm512_add_ps(_mm512_loadu_ps(to + s), g));
  }
  if (s == length) return;
  const __mmask16 mask = lanes(length - s);
  const __m512 g = _mm512_add_ps(load(mask, from + s), zero);
  _mm512_mask_storeu_ps(to + s, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to + s), g));
}

void sum_floats(float* scratch, const ChunkSum& sum) {
  for (int64_t i = 0; i < sum.count; i++) {
    const uint32_t position = sum.records[i].position;
    const __m128 g = _mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int32_t>(sum.records[i].source)));
    const __m128 total = _mm_add_ss(_mm_load_ss(scratch + position), _mm_add_ss(g, _mm_setzero_ps()));
    _mm_store_ss(scratch + position, total);
  }
}

// kLength: floats of every chunk, a multiple of a line's, which gradients then start at; or 0.
template <int64_t kLength, typename T>
void sum_chunks(float* scratch, const T* dslots, const ChunkSum& sum) {
  const int64_t whole = kLength ? kLength : sum.length;
  constexpr int64_t own_ahead = kLength ? kFloatsAhead / kLength : 0;
  constexpr int64_t ahead = own_ahead > kAhead ? own_ahead : kAhead;
  for (int64_t i = 0; i < sum.count; i++) {
    if (i + ahead < sum.count_ahead) {
      const ChunkRecord& later = sum.records[i + ahead];
      ask<kLength == 0>(dslots + later.source, whole);
      const int64_t range = i + ahead < sum.count ? 0 : sum.range_floats;
      if (sum.memory) ask<true>(sum.memory + range + (later.position & ~kShortChunk), whole);
    }
    const ChunkRecord& record = sum.records[i];
    const bool is_short = kLength == 0 && record.position & kShortChunk;
    add(scratch + (record.position & ~kShortChunk), dslots + record.source,
        is_short ? sum.last_length : whole);
  }
}

template <typename T>
void sum_chunks_of(float* scratch, const T* dslots, const ChunkSum& sum) {
  const int64_t length = sum.last_length == sum.length ? sum.length : 0;
  const auto run = length == 16    ? sum_chunks<16, T>
                   : length == 32  ? sum_chunks<32, T>
                   : length == 64  ? sum_chunks<64, T>
                   : length == 128 ? sum_chunks<128, T>
                                   : sum_chunks<0, T>;
  run(scratch, dslots, sum);
}

}  // namespace

void sum_chunks_avx512(float* scratch, const ChunkSum& sum) {
  if (sum.length == 1) return sum_floats(scratch, sum);
  visit_rows(sum.dslots, 0, [&](const auto* dslots) { sum_chunks_of(scratch, dslots, sum); });
}

}  // namespace pss
