#include <algorithm>

#include "base/simd_avx2.h"
#include "ops/dot_interaction/ask_ahead.h"
#include "ops/dot_interaction/dot_interaction.h"

namespace pss {

namespace {

constexpr int64_t kLanes = Simd::kLanes;

// gram[2, 4] (rows `ld` apart) = x[2, Dp] * y[4, Dp]^T, in eight accumulators.
inline void gram_tile(float* gram, int64_t ld, const float* x, const float* y, int64_t Dp) {
  Simd::Floats sums[2][4];
  for (auto& row : sums) std::fill(std::begin(row), std::end(row), Simd::zero());
  for (int64_t d = 0; d < Dp; d += kLanes) {
    Simd::Floats columns[4];
    for (int k = 0; k < 4; k++) columns[k] = Simd::load(y + k * Dp + d);
    for (int r = 0; r < 2; r++) {
      const Simd::Floats row = Simd::load(x + r * Dp + d);
      for (int k = 0; k < 4; k++) sums[r][k] = Simd::multiply_add(row, columns[k], sums[r][k]);
    }
  }
  for (int r = 0; r < 2; r++) {
    for (int k = 0; k < 4; k++) gram[r * ld + k] = Simd::sum(sums[r][k]);
  }
}

// dv_i[d, d + N*kLanes), with S_ij where dout has it: in row max(i, j) of the packed triangle. Floats beyond
// D go to a copy first, since they belong to somebody else.
template <int N>
void backward_row(float* dv, const float* vectors, const float* dpairs, const float* shift, int64_t i,
                  int64_t d, const InteractionShape& shape) {
  Simd::Floats sums[N];
  for (int n = 0; n < N; n++) sums[n] = Simd::zero();
  for (int64_t j = 0; j < shape.V; j++) {
    if (j == i) continue;
    const int64_t row = std::max(i, j), column = std::min(i, j);
    const Simd::Floats weight = Simd::set(dpairs[row * (row - 1) / 2 + column]);
    for (int n = 0; n < N; n++) {
      sums[n] = Simd::multiply_add(weight, Simd::load(vectors + j * shape.Dp + d + n * kLanes), sums[n]);
    }
  }
  float out[N * kLanes];
  for (int n = 0; n < N; n++) Simd::store(out + n * kLanes, sums[n]);
  const int64_t count = std::min<int64_t>(N * kLanes, shape.D - d);
  for (int64_t k = 0; k < count; k++) dv[d + k] = i == 0 ? shift[d + k] + out[k] : out[k];
}

}  // namespace

void dot_forward_avx2(float* pairs, const float* vectors, float* scratch, const InteractionShape& shape,
                      LookAhead next) {
  const int64_t Vp = shape.Vp, Dp = shape.Dp, ld = (Vp + 15) / 16 * 16;
  const int64_t share = next.count / (Vp / 2) + 1;
  for (int64_t i = 0; i < Vp; i += 2) {
    ask(next, share);
    for (int64_t j = 0; j <= i; j += 4) {
      gram_tile(scratch + i * ld + j, ld, vectors + i * Dp, vectors + j * Dp, Dp);
    }
  }
  for (int64_t i = 1; i < shape.V; pairs += i++) std::copy_n(scratch + i * ld, i, pairs);
}

void dot_backward_avx2(float* dbottom, float* dslots, const float* vectors, const float* dout,
                       const InteractionShape& shape, LookAhead next) {
  const float* dpairs = dout + shape.D;
  const int64_t share = next.count / shape.V + 1;
  for (int64_t i = 0; i < shape.V; i++) {
    ask(next, share);
    float* dv = i == 0 ? dbottom : dslots + (i - 1) * shape.D;
    int64_t d = 0;
    for (; d + 8 * kLanes <= shape.Dp; d += 8 * kLanes) {
      backward_row<8>(dv, vectors, dpairs, dout, i, d, shape);
    }
    for (; d < shape.Dp; d += 2 * kLanes) backward_row<2>(dv, vectors, dpairs, dout, i, d, shape);
  }
}

}  // namespace pss
