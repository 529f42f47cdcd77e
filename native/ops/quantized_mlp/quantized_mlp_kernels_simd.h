// The kernels of quantized_mlp_kernels.h for the Simd and the Bytes of the file that includes this.
#pragma once

#include <algorithm>
#include <cstring>

#include "ops/quantized_mlp/quantized_mlp.h"

namespace pss {
namespace {

using Floats = Simd::Floats;
using Words = Simd::Words;
constexpr int64_t kLanes = Simd::kLanes;
// Columns of the largest tile.
constexpr int64_t kGroup = Simd::kVectors * kLanes;
// Words of a step of a panel, one for each output.
constexpr int64_t kStepWords = kBytePanel;

template <typename In>
void quantize_rows_of(uint8_t* q, int64_t q_ld, const In* x, int64_t ld, int64_t rows,
                      const InputFormat& format) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t k = 0; k < format.columns; k += kLanes) {
      const Floats scaled = Simd::multiply(Simd::load(x + r * ld + k), Simd::load(format.inverse.data() + k));
      Bytes::store(q + r * q_ld + k, Simd::add(scaled, Simd::load(format.zero.data() + k)));
    }
  }
}

void quantize_rows(uint8_t* q, int64_t q_ld, const Matrix& x, int64_t first, int64_t last,
                   const InputFormat& format) {
  visit_rows(x, first, [&](auto* row) { quantize_rows_of(q, q_ld, row, x.ld, last - first, format); });
}

inline uint32_t word_of(const uint8_t* bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// R rows by V vectors of sums in registers, each from its start on.
template <int R, int V>
inline void multiply_tile(Words (&sums)[R][V], const uint8_t* q, int64_t q_ld, const uint32_t* panel,
                          const int32_t* start, int64_t steps) {
#pragma GCC unroll 4
  for (int v = 0; v < V; v++) {
    const Words first = Simd::load_words(reinterpret_cast<const uint32_t*>(start) + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) sums[r][v] = first;
  }
  for (int64_t p = 0; p < steps; p++, panel += kStepWords, q += kBytesOfWord) {
    Bytes::Weights weights[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) weights[v] = Bytes::load_weights(panel + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Bytes::Inputs inputs = Bytes::spread(word_of(q + r * q_ld));
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sums[r][v] = Bytes::accumulate(sums[r][v], inputs, weights[v]);
    }
  }
}

// Tiles of R rows, then one of what is left; done(sums, first row) takes each.
template <int R, int V, typename Done>
inline void multiply_rows(const uint8_t* q, int64_t q_ld, const uint32_t* panel, const int32_t* start,
                          int64_t steps, int64_t first, int64_t rows, const Done& done) {
  int64_t row = first;
  for (; row + R <= rows; row += R) {
    Words sums[R][V];
    multiply_tile<R, V>(sums, q + row * q_ld, q_ld, panel, start, steps);
    done(sums, row);
  }
  if constexpr (R > 1) {
    if (row < rows) multiply_rows<R - 1, V>(q, q_ld, panel, start, steps, row, rows, done);
  }
}

// All outputs of a layer; done(value, row, column) takes each vector of them, before ReLU.
template <typename Done>
inline void multiply(const uint8_t* q, int64_t q_ld, int64_t rows, const QuantizedLayer& layer,
                     const Done& done) {
  for (int64_t column = 0; column < layer.columns; column += kGroup) {
    const auto* words = reinterpret_cast<const uint32_t*>(layer.panel_words(column / kBytePanel));
    const uint32_t* panel = words + column % kBytePanel;
    const auto tile_done = [&]<int R, int V>(Words(&sums)[R][V], int64_t row) {
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) {
        const int64_t at = column + v * kLanes;
        const Floats multiplier = Simd::load(layer.multiplier.data() + at);
        const Floats offset = Simd::load(layer.offset.data() + at);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
          const Floats sum = Bytes::to_floats(sums[r][v]);
          done(Simd::add(Simd::multiply(sum, multiplier), offset), row + r, at);
        }
      }
    };
    const auto run = [&]<int V>() {
      multiply_rows<Bytes::kRows, V>(q, q_ld, panel, layer.start.data() + column, layer.steps, 0, rows,
                                     tile_done);
    };
    const int64_t vectors = std::min(kGroup, layer.columns - column) / kLanes;
    if (vectors == 1) run.template operator()<1>();
    if (vectors == 2) run.template operator()<2>();
    if constexpr (Simd::kVectors > 2) {
      if (vectors == 3) run.template operator()<3>();
      if (vectors == 4) run.template operator()<4>();
    }
  }
}

void to_bytes(uint8_t* y, int64_t y_ld, const uint8_t* q, int64_t q_ld, int64_t rows,
              const QuantizedLayer& layer) {
  multiply(q, q_ld, rows, layer,
           [&](Floats value, int64_t row, int64_t column) { Bytes::store(y + row * y_ld + column, value); });
}

void to_floats(const Matrix& y, int64_t first, int64_t last, const uint8_t* q, int64_t q_ld,
               const QuantizedLayer& layer) {
  visit_rows(y, first, [&](auto* out) {
    multiply(q, q_ld, last - first, layer, [&](Floats value, int64_t row, int64_t column) {
      Simd::store(out + row * y.ld + column, Simd::relu(value));
    });
  });
}

}  // namespace
}  // namespace pss
