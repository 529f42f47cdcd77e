// The kernels of block_gemm.h for the Simd of the file that includes this.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "backend/cpu/block_gemm.h"

namespace pss {
namespace {

constexpr int kMostRows = 16;

// Rows of a tile of N vectors: R*N sums, N vectors of a row of B and a broadcast stay in registers, and what
// bf16 products made of several instructions need beside.
template <typename Number>
constexpr int tile_rows(int N) {
  const bool emulated = std::is_same_v<Number, Bf16> && !Simd::kHasBf16;
  return std::clamp((Simd::kRegisters - 1 - N - (emulated ? 4 : 0)) / N, 1, kMostRows);
}

inline Simd::Words spread(float value) {
  return Simd::as_words(Simd::set(value));
}
inline Simd::Words spread(uint32_t word) {
  return Simd::set_word(word);
}
inline const float* as_floats(const void* words) {
  return static_cast<const float*>(words);
}

// R rows by N vectors of C in registers; the last vector has the columns of `mask`.
template <typename Number, typename Out, int R, int N>
void tile(const BlockGemm<Number, Out>& g, Simd::Mask mask) {
  Simd::Floats sums[R][N];
  const auto load = [&](const auto* from, int v) {
    return v + 1 < N ? Simd::load(from + Simd::kLanes * v) : Simd::load(mask, from + Simd::kLanes * v);
  };
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < N; v++) sums[r][v] = g.add ? load(g.c + r * g.c_ld, v) : Simd::zero();
  }
  const Word<Number>* a = g.a;
  const Word<Number>* b = g.b;
  for (int64_t k = 0; k < g.k; k++, a += g.a_col, b += g.b_ld) {
    Simd::Words row[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; v++) row[v] = Simd::as_words(load(as_floats(b), v));
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const Simd::Words value = spread(a[r * g.a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < N; v++) sums[r][v] = Simd::accumulate(Number{}, sums[r][v], value, row[v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < N; v++) {
      Out* to = g.c + r * g.c_ld + Simd::kLanes * v;
      if (v + 1 < N) {
        Simd::store(to, sums[r][v]);
      } else {
        Simd::store(mask, to, sums[r][v]);
      }
    }
  }
}

template <typename Number, typename Out, int N, int... Rows>
constexpr auto tiles_of(std::integer_sequence<int, Rows...>) {
  return std::array<void (*)(const BlockGemm<Number, Out>&, Simd::Mask), sizeof...(Rows)>{
      tile<Number, Out, Rows + 1, N>...};
}

// All rows of a panel of N vectors, in tiles of nearly equal heights.
template <typename Number, typename Out, int N>
void panel(BlockGemm<Number, Out> g, Simd::Mask mask) {
  constexpr int64_t most = tile_rows<Number>(N);
  static constexpr auto tiles = tiles_of<Number, Out, N>(std::make_integer_sequence<int, most>());
  while (g.m > 0) {
    const int64_t left = (g.m + most - 1) / most, rows = (g.m + left - 1) / left;
    tiles[static_cast<size_t>(rows - 1)](g, mask);
    g.m -= rows;
    g.a += rows * g.a_row;
    g.c += rows * g.c_ld;
  }
}

template <typename Number, typename Out>
void last_panel(const BlockGemm<Number, Out>& g) {
  const int64_t vectors = (g.n + Simd::kLanes - 1) / Simd::kLanes;
  const Simd::Mask mask = Simd::mask(g.n - (vectors - 1) * Simd::kLanes);
  if (vectors == 1) panel<Number, Out, 1>(g, mask);
  if (vectors == 2) panel<Number, Out, 2>(g, mask);
  if constexpr (Simd::kVectors > 2) {
    if (vectors == 3) panel<Number, Out, 3>(g, mask);
    if (vectors == 4) panel<Number, Out, 4>(g, mask);
  }
}

template <typename Number, typename Out>
void simd_gemm(const BlockGemm<Number, Out>& g) {
  constexpr int64_t width = Simd::kVectors * Simd::kLanes;
  const Simd::Mask all = Simd::mask(Simd::kLanes);
  const int64_t depth = std::is_same_v<Out, float> ? kGemmDepth : std::max<int64_t>(g.k, 1);
  for (int64_t k = 0; k == 0 || k < g.k; k += depth) {
    BlockGemm<Number, Out> part = g;
    part.k = std::min(depth, g.k - k);
    part.a += k * g.a_col;
    part.b += k * g.b_ld;
    part.add = g.add || k > 0;
    for (; part.n > width; part.n -= width, part.b += width, part.c += width)
      panel<Number, Out, Simd::kVectors>(part, all);
    last_panel(part);
  }
}

void simd_transpose(void* out, int64_t out_ld, const void* in, int64_t in_ld, int64_t rows, int64_t cols) {
  constexpr int64_t lanes = Simd::kLanes;
  for (int64_t r = 0; r < rows; r += lanes) {
    const int64_t height = std::min(lanes, rows - r);
    for (int64_t c = 0; c < cols; c += lanes) {
      const int64_t width = std::min(lanes, cols - c);
      const Simd::Mask across = Simd::mask(width), down = Simd::mask(height);
      Simd::Words block[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; i++) {
        const float* from = as_floats(in) + (r + i) * in_ld + c;
        block[i] = Simd::as_words(i < height ? Simd::load(across, from) : Simd::zero());
      }
      Simd::transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; i++) {
        if (i < width)
          Simd::store(down, static_cast<float*>(out) + (c + i) * out_ld + r, Simd::as_floats(block[i]));
      }
    }
  }
}

void simd_pair_columns(uint32_t* words, const float* values, int64_t count) {
  constexpr int64_t lanes = Simd::kLanes;
  for (int64_t i = 0; i < count; i += 2 * lanes) {
    const Simd::Floats first = Simd::load(Simd::mask(count - i), values + i);
    const Simd::Floats second = Simd::load(Simd::mask(count - i - lanes), values + i + lanes);
    Simd::store(Simd::mask((count - i + 1) / 2), reinterpret_cast<float*>(words + i / 2),
                Simd::as_floats(Simd::pairs(first, second)));
  }
}

void simd_pair_rows(uint32_t* words, const float* low, const float* high, int64_t count) {
  for (int64_t i = 0; i < count; i += Simd::kLanes) {
    const Simd::Mask mask = Simd::mask(count - i);
    const Simd::Words pairs =
        Simd::interleave(Simd::load(mask, low + i), high ? Simd::load(mask, high + i) : Simd::zero());
    Simd::store(mask, reinterpret_cast<float*>(words + i), Simd::as_floats(pairs));
  }
}

constexpr BlockKernels kSimdBlock = {simd_gemm<float, float>, simd_gemm<Bf16, float>, simd_gemm<Bf16, Bf16>,
                                     simd_transpose,          simd_pair_columns,      simd_pair_rows};

}  // namespace
}  // namespace pss
