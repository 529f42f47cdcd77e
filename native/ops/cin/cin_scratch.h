// What a group of the CIN's panels is computed in.
#pragma once

#include <algorithm>

#include "ops/cin/cin.h"

namespace pss {

// Maps h whose part of z is made at a time: as deep as a product's slab.
template <typename Number>
int64_t cin_chunk(const CinShape& shape) {
  return std::max<int64_t>(1, kGemmDepth / in_words<Number>(shape.F));
}

// The largest sizes of all layers.
struct CinMost {
  int64_t N = 0, Np = 0, H = 0;
  explicit CinMost(const CinShape& shape) {
    for (const CinLayer& layer : shape.layers) {
      N = std::max(N, layer.N);
      Np = std::max(Np, layer.Np);
      H = std::max(H, layer.H);
    }
  }
};

// For all panels of a group, P columns each: the slots, layer gradients dx as floats, as words along maps and
// as words along columns, gradients of the maps below and of the slots; and for one panel a chunk of z and of
// dz.
template <typename Number>
struct CinScratch {
  float *slots, *dx, *dbelow, *dslots, *dz;
  Word<Number>*z, *dx_rows, *dx_columns;
  int64_t floats = 0;

  CinScratch(float* scratch, const CinShape& shape) {
    const CinMost most(shape);
    const auto take = [&](int64_t count) {
      float* taken = scratch ? scratch + floats : nullptr;
      floats += count;
      return taken;
    };
    const auto take_words = [&](int64_t count) { return reinterpret_cast<Word<Number>*>(take(count)); };
    const int64_t columns = shape.panels * shape.P, chunk = cin_chunk<Number>(shape) * shape.F * shape.P;
    slots = take(columns * shape.F);
    dx = take(columns * most.N);
    dbelow = take(columns * most.H);
    dslots = take(columns * shape.F);
    dz = take(chunk);
    z = take_words(chunk);
    // Float32 products read dx itself.
    dx_rows =
        std::is_same_v<Number, float> ? reinterpret_cast<Word<Number>*>(dx) : take_words(columns * most.N);
    dx_columns = take_words(columns * most.Np);
  }
};

}  // namespace pss
