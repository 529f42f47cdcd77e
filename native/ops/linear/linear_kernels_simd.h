// The kernels of linear_kernels.h for the Simd of the file that includes this. T is the numbers' format.
#pragma once

#include <algorithm>

#include "ops/linear/linear_kernels.h"

namespace pss {
namespace {

using Floats = Simd::Floats;
using Words = Simd::Words;
constexpr int64_t kLanes = Simd::kLanes;

template <typename T>
constexpr bool kIsBf16 = std::is_same_v<T, Bf16>;
template <typename T>
constexpr int64_t kPerWord = kIsBf16<T> ? 2 : 1;
// Narrow tiles are higher, so that they have as many sums in flight.
template <typename T, int V>
constexpr int kTileRows = std::min(16, (kIsBf16<T> ? Simd::kRowsBf16 : Simd::kRows) * Simd::kVectors / V);
// Columns of the largest tile.
constexpr int64_t kGroup = Simd::kVectors * kLanes;
// How many steps ahead a panel's lines are asked for.
constexpr int64_t kAhead = 8;
// Words of a cache line.
constexpr int64_t kLine = 16;

// Words of A, `row` apart from row to row and `step` from step to step.
struct Left {
  const uint32_t* words;
  int64_t row, step;
};

// A panel that will be wanted next, brought into the L2 cache by the tiles of the one before: each asks for a
// line of every step, so that fetching is spread over all of their products.
struct NextPanel {
  const uint32_t* words;
  NextPanel of_tile(int64_t tile) const { return {words + tile % (kPanel / kLine) * kLine}; }
  void ask(int64_t step) const {
    _mm_prefetch(reinterpret_cast<const char*>(words + step * kPanel), _MM_HINT_T1);
  }
};
struct NoNextPanel {
  NoNextPanel of_tile(int64_t) const { return {}; }
  void ask(int64_t) const {}
};

template <typename T, int R, int V, typename Next>
inline void multiply_tile(Floats (&sums)[R][V], const Left& a, const uint32_t* panel, const Next& next,
                          int64_t steps) {
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sums[r][v] = Simd::zero();
  }
  const uint32_t* left = a.words;
  for (int64_t p = 0; p < steps; p++, panel += kPanel, left += a.step) {
    Words b[V];
    _mm_prefetch(reinterpret_cast<const char*>(left + kAhead * a.step), _MM_HINT_T0);
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      b[v] = Simd::load_words(panel + v * kLanes);
      _mm_prefetch(reinterpret_cast<const char*>(panel + kAhead * kPanel + v * kLanes), _MM_HINT_T0);
    }
    next.ask(p);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const Words word = Simd::set_word(left[r * a.row]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sums[r][v] = Simd::accumulate(T{}, sums[r][v], word, b[v]);
    }
  }
}

// Tiles of R rows, then one of what is left; each goes to done(sums, first row).
template <typename T, int R, int V, typename Next, typename Done>
inline void multiply_rows(const Left& a, const uint32_t* panel, const Next& next, int64_t steps,
                          int64_t first, int64_t last, const Done& done) {
  int64_t row = first;
  for (; row + R <= last; row += R) {
    Floats sums[R][V];
    multiply_tile<T, R, V>(sums, {a.words + row * a.row, a.row, a.step}, panel, next.of_tile(row / R), steps);
    done(sums, row);
  }
  if constexpr (R > 1) {
    if (row < last) multiply_rows<T, R - 1, V>(a, panel, next, steps, row, last, done);
  }
}

// All rows by `columns` columns; done(sums, row, column) takes each tile.
template <typename T, typename Next, typename Done>
inline void multiply_panels(const Left& a, const uint32_t* panels, int64_t stride, const Next& next,
                            int64_t steps, int64_t first, int64_t last, int64_t columns, const Done& done) {
  for (int64_t column = 0; column < columns; column += kGroup) {
    const uint32_t* panel = panels + column / kPanel * stride + column % kPanel;
    const auto tile_done = [&](auto& sums, int64_t row) { done(sums, row, column); };
    const auto run = [&]<int V>() {
      multiply_rows<T, kTileRows<T, V>, V>(a, panel, next, steps, first, last, tile_done);
    };
    switch (std::min(kGroup, columns - column) / kLanes) {
      case 1:
        run.template operator()<1>();
        break;
      case 2:
        run.template operator()<2>();
        break;
      case 3:
        if constexpr (Simd::kVectors > 2) run.template operator()<3>();
        break;
      default:
        if constexpr (Simd::kVectors > 2) run.template operator()<4>();
    }
  }
}

template <int R, int V, typename Out>
inline void store_tile(Out* c, int64_t ld, Floats (&sums)[R][V], const float* bias, bool relu) {
#pragma GCC unroll 4
  for (int v = 0; v < V; v++) {
    const Floats shift = bias ? Simd::load(bias + v * kLanes) : Simd::zero();
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      Floats value = Simd::add(sums[r][v], shift);
      if (relu) value = Simd::relu(value);
      Simd::store(c + r * ld + v * kLanes, value);
    }
  }
}

template <typename T>
void multiply(const Matrix& c, const Matrix& a, const uint32_t* panels, int64_t stride, const float* bias,
              bool relu, int64_t first, int64_t last, int64_t columns, int64_t depth) {
  const Left left{static_cast<const uint32_t*>(a.data), a.ld / kPerWord<T>, 1};
  visit_rows(c, 0, [&](auto* out) {
    multiply_panels<T>(left, panels, stride, NoNextPanel{}, depth / kPerWord<T>, first, last, columns,
                       [&](auto& sums, int64_t row, int64_t column) {
                         store_tile(out + row * c.ld + column, c.ld, sums, bias ? bias + column : nullptr,
                                    relu);
                       });
  });
}

// The words of two rows, or of one.
template <typename T>
inline Words step_words(Floats row, Floats next) {
  if constexpr (kIsBf16<T>) return Simd::join(row, next);
  return Simd::as_words(row);
}

template <typename T>
void keep(uint32_t* panels, int64_t stride, const Matrix& x, int64_t first, int64_t last, int64_t columns) {
  const T* rows = static_cast<const T*>(x.data);
  for (int64_t panel = 0; panel < columns; panel += kPanel) {
    const int64_t width = std::min(kPanel, columns - panel);
    uint32_t* out = panels + panel / kPanel * stride + first / kPerWord<T> * kPanel;
    for (int64_t b = first; b < last; b += kPerWord<T>, out += kPanel) {
      const T* row = rows + b * x.ld + panel;
      for (int64_t c = 0; c < width; c += kLanes) {
        const Floats next = kIsBf16<T> && b + 1 < last ? Simd::load(row + x.ld + c) : Simd::zero();
        Simd::store_words(out + c, step_words<T>(Simd::load(row + c), next));
      }
    }
  }
}

template <typename T, typename In>
inline Floats masked(const In* dy, const In* y) {
  Floats dz = Simd::load(dy);
  if (y) dz = Simd::where_positive(dz, Simd::load(y));
  if constexpr (kIsBf16<T> && !kIsBf16<In>) dz = Simd::round(dz);
  return dz;
}

// A panel's columns at a time, so that the sums stay in registers.
template <typename T, typename In>
void mask_rows(T* dz, int64_t dz_ld, float* dbias, uint32_t* panels, int64_t stride, const In* dy,
               const In* y, int64_t ld, int64_t first, int64_t last, int64_t columns) {
  constexpr int kWide = kPanel / kLanes;
  for (int64_t panel = 0; panel < columns; panel += kPanel) {
    const int vectors = static_cast<int>(std::min(kPanel, columns - panel) / kLanes);
    uint32_t* out = panels + panel / kPanel * stride + first / kPerWord<T> * kPanel;
    Floats sums[kWide];
    for (Floats& sum : sums) sum = Simd::zero();
    for (int64_t b = first; b < last; b += kPerWord<T>, out += kPanel) {
      for (int v = 0; v < vectors; v++) {
        const int64_t column = panel + v * kLanes, at = b * ld + column;
        const Floats row = masked<T>(dy + at, y ? y + at : nullptr);
        Simd::store(dz + b * dz_ld + column, row);
        sums[v] = Simd::add(sums[v], row);
        Floats next = Simd::zero();
        if (kIsBf16<T> && b + 1 < last) {
          next = masked<T>(dy + at + ld, y ? y + at + ld : nullptr);
          Simd::store(dz + (b + 1) * dz_ld + column, next);
          sums[v] = Simd::add(sums[v], next);
        }
        Simd::store_words(out + v * kLanes, step_words<T>(row, next));
      }
    }
    for (int v = 0; v < vectors; v++) Simd::store(dbias + panel + v * kLanes, sums[v]);
  }
}

template <typename T>
void mask(const Matrix& dz, float* dbias, uint32_t* panels, int64_t stride, const Matrix& dy, const Matrix& y,
          int64_t first, int64_t last, int64_t columns) {
  visit_rows(dy, 0, [&](auto* gradient) {
    using In = std::remove_pointer_t<decltype(gradient)>;
    if constexpr (kIsBf16<T> || !kIsBf16<In>) {
      mask_rows<T, In>(static_cast<T*>(dz.data), dz.ld, dbias, panels, stride, gradient,
                       static_cast<const In*>(y.data), dy.ld, first, last, columns);
    }
  });
}

template <typename T>
void weight_gradient(float* dweights, int64_t ld, const uint32_t* dz, const uint32_t* x, int64_t stride,
                     int64_t steps, int64_t rows, int64_t columns) {
  for (int64_t step = 0; step < steps; step += kMostSteps) {
    const Left left{dz + step * kPanel, 1, kPanel};
    multiply_panels<T>(left, x + step * kPanel, stride, NoNextPanel{}, std::min(kMostSteps, steps - step), 0,
                       rows, columns, [&](auto& sums, int64_t row, int64_t column) {
                         float* out = dweights + row * ld + column;
                         for (auto& tile_row : sums) {
                           float* at = out;
                           for (Floats& sum : tile_row) {
                             if (step > 0) sum = Simd::add(Simd::load(at), sum);
                             Simd::store(at, sum);
                             at += kLanes;
                           }
                           out += ld;
                         }
                       });
  }
}

template <typename T>
void weight_step(float* weights, int64_t ld, float rate, const uint32_t* dz, const uint32_t* x,
                 const uint32_t* next, int64_t steps, int64_t rows, int64_t columns) {
  const Floats factor = Simd::set(rate);
  multiply_panels<T>({dz, 1, kPanel}, x, 0, NextPanel{next}, steps, 0, rows, columns,
                     [&](auto& sums, int64_t row, int64_t column) {
                       float* out = weights + row * ld + column;
                       for (auto& tile_row : sums) {
                         float* at = out;
                         for (const Floats sum : tile_row) {
                           Simd::store(at, Simd::subtract(Simd::load(at), Simd::multiply(factor, sum)));
                           at += kLanes;
                         }
                         out += ld;
                       }
                     });
}

// The words of kLanes steps along a row.
template <typename T>
inline Words row_words(const float* row) {
  if constexpr (kIsBf16<T>) return Simd::pairs(Simd::load(row), Simd::load(row + kLanes));
  return Simd::as_words(Simd::load(row));
}

// A block of W: rows [first, end), of which those from `rows` on are zero, and columns [column, last_column).
struct WeightBlock {
  const float* weights;
  int64_t ld, first, end, rows, column, last_column;
};

template <typename T>
void pack_forward(uint32_t* panel, const WeightBlock& w) {
  const int64_t steps = w.last_column / kPerWord<T>;
  for (int64_t n = w.first; n < w.end; n += kLanes) {
    for (int64_t p = w.column / kPerWord<T>; p < steps; p += kLanes) {
      Words words[kLanes];
      for (int64_t i = 0; i < kLanes; i++) {
        words[i] = n + i < w.rows ? row_words<T>(w.weights + (n + i) * w.ld + p * kPerWord<T>)
                                  : Simd::as_words(Simd::zero());
      }
      Simd::transpose(words);
      const int64_t count = std::min(kLanes, steps - p);
      for (int64_t i = 0; i < count; i++) {
        Simd::store_words(panel + (p + i) * kPanel + (n - w.first), words[i]);
      }
    }
  }
}

template <typename T>
void pack_backward(uint32_t* panels, int64_t stride, const WeightBlock& w) {
  for (int64_t n = w.first; n < w.end; n += kPerWord<T>) {
    const float* row = w.weights + n * w.ld;
    for (int64_t k = w.column; k < w.last_column; k += kLanes) {
      const Floats low = n < w.rows ? Simd::load(row + k) : Simd::zero();
      uint32_t* panel = panels + k / kPanel * stride + n / kPerWord<T> * kPanel + k % kPanel;
      if constexpr (kIsBf16<T>) {
        const Floats high = n + 1 < w.rows ? Simd::load(row + w.ld + k) : Simd::zero();
        Simd::store_words(panel, Simd::interleave(low, high));
      } else {
        Simd::store_words(panel, Simd::as_words(low));
      }
    }
  }
}

template <typename T>
void pack(uint32_t* forward, int64_t forward_stride, uint32_t* backward, int64_t backward_stride,
          const float* weights, int64_t ld, int64_t first, int64_t rows, int64_t column, int64_t columns) {
  const int64_t end = std::min(first + kPanel, (rows + 15) / 16 * 16);
  const WeightBlock block{weights, ld, first, end, rows, column, column + columns};
  pack_forward<T>(forward + first / kPanel * forward_stride, block);
  if (backward) pack_backward<T>(backward, backward_stride, block);
}

void dot_rows(float* y, const Matrix& x, const float* weights, float bias, int64_t first, int64_t last,
              int64_t columns) {
  visit_rows(x, 0, [&](auto* rows) {
    for (int64_t b = first; b < last; b++) {
      Floats sum = Simd::zero();
      for (int64_t k = 0; k < columns; k += kLanes) {
        sum = Simd::multiply_add(Simd::load(rows + b * x.ld + k), Simd::load(weights + k), sum);
      }
      y[b] = Simd::sum(sum) + bias;
    }
  });
}

// Columns [k, k + V * kLanes).
template <int V, typename X>
void outer_columns(X* dx, float* dweights, const float* dy, const X* x, int64_t ld, const float* weights,
                   int64_t first, int64_t last) {
  Floats w[V], dw[V];
  for (int v = 0; v < V; v++) {
    w[v] = Simd::load(weights + v * kLanes);
    dw[v] = Simd::load(dweights + v * kLanes);
  }
  for (int64_t b = first; b < last; b++) {
    const Floats d = Simd::set(dy[b]);
    for (int v = 0; v < V; v++) {
      if (dx) Simd::store(dx + b * ld + v * kLanes, Simd::multiply(d, w[v]));
      dw[v] = Simd::multiply_add(d, Simd::load(x + b * ld + v * kLanes), dw[v]);
    }
  }
  for (int v = 0; v < V; v++) Simd::store(dweights + v * kLanes, dw[v]);
}

void outer_rows(const Matrix& dx, float* dweights, const float* dy, const Matrix& x, const float* weights,
                int64_t first, int64_t last, int64_t columns) {
  visit_rows(x, 0, [&](auto* rows) {
    auto* out = static_cast<decltype(rows)>(dx.data);
    const auto part = [&]<int V>(int64_t k) {
      outer_columns<V>(out ? out + k : nullptr, dweights + k, dy, rows + k, x.ld, weights + k, first, last);
    };
    int64_t k = 0;
    for (; k + 4 * kLanes <= columns; k += 4 * kLanes) part.template operator()<4>(k);
    for (; k < columns; k += kLanes) part.template operator()<1>(k);
  });
}

template <typename T>
const LinearKernels* simd_linear_kernels() {
  static constexpr LinearKernels kernels{multiply<T>,    keep<T>, mask<T>,  weight_gradient<T>,
                                         weight_step<T>, pack<T>, dot_rows, outer_rows};
  return &kernels;
}

}  // namespace
}  // namespace pss
