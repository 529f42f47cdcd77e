// sum_chunks, written once for several instruction sets. Include after base/simd_*.h of the one that a file
// is compiled for.
#pragma once

#include "optim/chunk_sum.h"

namespace pss {
namespace {

// How far ahead gradients are asked for, in records and, where that is further, in floats. Their place is
// known, so the cache misses of several chunks overlap.
constexpr int64_t kAhead = 12, kFloatsAhead = 1024;

// A chunk that starts within a line ends in one line more.
template <bool kWithinLine, typename T>
inline void ask(const T* first, int64_t length) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t s = 0; s < length; s += kLine) {
    _mm_prefetch(reinterpret_cast<const char*>(first + s), _MM_HINT_T0);
  }
  if constexpr (kWithinLine) _mm_prefetch(reinterpret_cast<const char*>(first + length - 1), _MM_HINT_T0);
}

template <typename T>
inline void add(float* to, const T* from, int64_t length) {
  int64_t s = 0;
  for (; s + Simd::kLanes <= length; s += Simd::kLanes) {
    const Simd::Floats g = Simd::add(Simd::load(from + s), Simd::zero());
    Simd::store(to + s, Simd::add(Simd::load(to + s), g));
  }
  if (s == length) return;
  const Simd::Mask mask = Simd::mask(length - s);
  const Simd::Floats g = Simd::add(Simd::load(mask, from + s), Simd::zero());
  Simd::store(mask, to + s, Simd::add(Simd::load(mask, to + s), g));
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
void add_chunks(float* scratch, const T* dslots, const ChunkSum& sum) {
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
void add_chunks_of(float* scratch, const T* dslots, const ChunkSum& sum) {
  const int64_t length = sum.last_length == sum.length ? sum.length : 0;
  const auto run = length == 16    ? add_chunks<16, T>
                   : length == 32  ? add_chunks<32, T>
                   : length == 64  ? add_chunks<64, T>
                   : length == 128 ? add_chunks<128, T>
                                   : add_chunks<0, T>;
  run(scratch, dslots, sum);
}

void simd_sum_chunks(float* scratch, const ChunkSum& sum) {
  if (sum.length == 1) return sum_floats(scratch, sum);
  visit_rows(sum.dslots, 0, [&](const auto* dslots) { add_chunks_of(scratch, dslots, sum); });
}

}  // namespace
}  // namespace pss
