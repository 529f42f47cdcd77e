// Brings a slice of a sample's vectors to shared memory: row 0 is the bottom's, row t + 1 table t's, looked
// up in M as it comes. Columns behind the slice's end are zero up to a multiple of four.
#pragma once

#include "backend/cuda/async_copy.cuh"
#include "ops/dot_interaction/dot_interaction_kernel.h"
#include "ops/embedding/addressing.cuh"

namespace pss {

struct Slice {
  int first, floats;  // of D
  int chunk, inner;   // the first chunk, and the floats of it that belong to earlier slices
};

// `floats` isn't positive where a short last chunk has no such part.
__device__ inline Slice slice_at(const InteractionInputs& a, int index) {
  const int Z = a.addressing.Z, D = a.addressing.D;
  if (a.cuts == 1) {
    const int chunk = index * static_cast<int>(a.by_pieces.value), first = chunk * Z;
    return {first, min(a.slice_floats, D - first), chunk, 0};
  }
  const int chunk = index / a.cuts, inner = index % a.cuts * a.slice_floats;
  const int first = chunk * Z + inner;
  return {first, min(a.slice_floats, min(Z, D - chunk * Z) - inner), chunk, inner};
}

template <int kFloats>
__device__ inline void copy_floats(float* to, const float* from) {
  if (kFloats == 4) {
    copy_quad(to, from, true);
  } else {
    copy_float(to, from);
  }
}

// Each piece is hashed once, by one lane; then groups of lanes copy a piece each.
template <int kFloats>
__device__ void gather_pieces(float* vectors, const InteractionInputs& a, int64_t b, const Slice& slice) {
  constexpr uint32_t kWarps = kInteractionThreads / 32;
  const uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const uint32_t T = a.V - 1, Z = a.addressing.Z;
  const uint32_t pieces = a.by_pieces.value;
  const uint32_t share = (T * pieces + kWarps - 1) / kWarps;
  const uint32_t end = min(T * pieces, (warp + 1) * share);
  const uint32_t lanes = 1u << a.lanes_log2, at_once = 32 >> a.lanes_log2;
  const float* source = a.ids ? a.source + slice.inner : a.source + b * a.source_ld;
  for (uint32_t base = warp * share; base < end; base += 32) {
    uint32_t start = 0, to = 0;
    int length = 0;
    if (base + lane < end) {
      const uint32_t t = (base + lane) / a.by_pieces, piece = base + lane - t * pieces;
      length = min(static_cast<int>(Z), slice.floats - static_cast<int>(piece * Z));
      to = (t + 1) * a.stride + piece * Z;
      start = t * a.addressing.D + slice.first;
      if (a.ids) {
        const uint64_t row = row_state(a.addressing, t, id_at(a.addressing, a.ids, b, t));
        start = chunk_start(a.addressing, row, t, slice.chunk + piece);
      }
    }
    const uint32_t rest = min(32u, end - base);
    for (uint32_t step = 0; step < rest; step += at_once) {
      const uint32_t from = step + (lane >> a.lanes_log2);
      const int64_t place = static_cast<int64_t>(__shfl_sync(kWholeWarp, start, from)) * a.addressing.unit;
      float* row = vectors + __shfl_sync(kWholeWarp, to, from);
      const int floats = __shfl_sync(kWholeWarp, length, from);
      for (int i = static_cast<int>(lane & (lanes - 1)) * kFloats; i < floats; i += lanes * kFloats) {
        copy_floats<kFloats>(row + i, source + place + i);
      }
    }
  }
}

// Starts the copies; the caller waits for them.
__device__ inline void gather_slice(float* vectors, const InteractionInputs& a, int64_t b,
                                    const Slice& slice) {
  const float* bottom = a.bottom + b * a.bottom_ld + slice.first;
  const int thread = threadIdx.x;
  if (a.whole_quads) {
    for (int i = 4 * thread; i < slice.floats; i += 4 * kInteractionThreads) {
      copy_quad(vectors + i, bottom + i, true);
    }
  } else {
    for (int i = thread; i < slice.floats; i += kInteractionThreads) copy_float(vectors + i, bottom + i);
  }
  if (a.quads) {
    gather_pieces<4>(vectors, a, b, slice);
  } else {
    gather_pieces<1>(vectors, a, b, slice);
  }
  if (slice.floats % 4 != 0) {
    for (int row = thread; row < a.V; row += kInteractionThreads) {
      for (int i = slice.floats; i % 4 != 0; i++) vectors[row * a.stride + i] = 0;
    }
  }
  close_copies();
}

__device__ inline float4 quad_at(const float* from) {
  return *reinterpret_cast<const float4*>(from);
}

}  // namespace pss
