// gather_sample, written once for several instruction sets and formats of its output. Include after
// base/simd_*.h of the one that a file is compiled for.
#pragma once

#include "ops/embedding/embedding.h"

namespace pss {
namespace {

template <typename Out>
inline void copy(Out* to, const float* from, int64_t n) {
  int64_t i = 0;
  for (; i + Simd::kLanes <= n; i += Simd::kLanes) Simd::store(to + i, Simd::load(from + i));
  if (i == n) return;
  const Simd::Mask mask = Simd::mask(n - i);
  Simd::store(mask, to + i, Simd::load(mask, from + i));
}

// Chunks of one float.
template <typename Out>
void gather_floats(Out* out, const float* memory, const uint32_t* starts, int64_t D) {
  for (int64_t i = 0; i < D; i += Simd::kLanes) {
    const Simd::Mask mask = Simd::mask(D - i);
    Simd::store(mask, out + i, Simd::gather(mask, memory, starts + i));
  }
}

// Whole chunks whose length is known when compiling: no loop within one, no tail.
template <int64_t Z, typename Out>
void gather_chunks(Out* out, const float* memory, const uint32_t* starts, int64_t chunks, int64_t unit) {
  for (int64_t c = 0; c < chunks; c++, out += Z) {
    const float* chunk = memory + int64_t{starts[c]} * unit;
    for (int64_t s = 0; s < Z; s += Simd::kLanes) Simd::store(out + s, Simd::load(chunk + s));
  }
}

template <typename Out>
void simd_gather_sample(Out* out, int64_t ld, const float* memory, const uint32_t* starts,
                        const Addressing& addressing) {
  const int64_t T = addressing.T, D = addressing.D, Z = addressing.Z, chunks = addressing.chunks;
  const int64_t unit = addressing.unit, last_length = D - (chunks - 1) * Z;
  const auto gather_whole = last_length < Z ? nullptr
                            : Z == 16       ? gather_chunks<16, Out>
                            : Z == 32       ? gather_chunks<32, Out>
                            : Z == 64       ? gather_chunks<64, Out>
                            : Z == 128      ? gather_chunks<128, Out>
                                            : nullptr;
  if (gather_whole && ld == D) return gather_whole(out, memory, starts, T * chunks, unit);
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

}  // namespace
}  // namespace pss
