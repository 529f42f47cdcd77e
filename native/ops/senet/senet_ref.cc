#include <algorithm>

#include "ops/senet/senet.h"

namespace pss {

namespace {

// A sample's means, inner units and scales.
struct Parts {
  float *z, *a, *s;
};

Parts excite(const float* slots, const SenetWeights& weights, float* scratch, const SenetShape& shape) {
  const auto [F, D, H, Fp, Hp] = shape;
  const Parts parts{scratch, scratch + 2 * Fp, scratch + Fp};
  for (int64_t f = 0; f < F; f++) {
    float sum = 0;
    for (int64_t d = 0; d < D; d++) sum += slots[f * D + d];
    parts.z[f] = sum / static_cast<float>(D);
  }
  for (int64_t h = 0; h < H; h++) {
    float sum = 0;
    for (int64_t f = 0; f < F; f++) sum += weights.first[h * Fp + f] * parts.z[f];
    parts.a[h] = std::max(sum, 0.0f);
  }
  for (int64_t f = 0; f < F; f++) {
    float sum = 0;
    for (int64_t h = 0; h < H; h++) sum += weights.second[f * Hp + h] * parts.a[h];
    parts.s[f] = std::max(sum, 0.0f);
  }
  return parts;
}

void senet_forward(float* out, const float* slots, const SenetWeights& weights, float* scratch,
                   const SenetShape& shape) {
  const Parts parts = excite(slots, weights, scratch, shape);
  for (int64_t i = 0; i < shape.F * shape.D; i++) out[i] = parts.s[i / shape.D] * slots[i];
}

void senet_backward(float* dslots, float* dfirst, float* dsecond, const float* dout, const float* slots,
                    const SenetWeights& weights, float* scratch, const SenetShape& shape) {
  const auto [F, D, H, Fp, Hp] = shape;
  const Parts parts = excite(slots, weights, scratch, shape);
  float* da = parts.a + Hp;
  std::fill_n(da, H, 0.0f);
  for (int64_t f = 0; f < F; f++) {
    float ds = 0;
    for (int64_t d = 0; d < D; d++) ds += dout[f * D + d] * slots[f * D + d];
    if (!(parts.s[f] > 0)) ds = 0;
    for (int64_t h = 0; h < H; h++) {
      dsecond[f * Hp + h] += ds * parts.a[h];
      da[h] += ds * weights.second[f * Hp + h];
    }
  }
  for (int64_t h = 0; h < H; h++) {
    if (!(parts.a[h] > 0)) da[h] = 0;
    for (int64_t f = 0; f < F; f++) dfirst[h * Fp + f] += da[h] * parts.z[f];
  }
  for (int64_t f = 0; f < F; f++) {
    float dz = 0;
    for (int64_t h = 0; h < H; h++) dz += da[h] * weights.first[h * Fp + f];
    for (int64_t d = 0; d < D; d++) {
      dslots[f * D + d] = parts.s[f] * dout[f * D + d] + dz / static_cast<float>(D);
    }
  }
}

}  // namespace

const SenetKernels kSenetReference = {senet_forward, senet_backward};

}  // namespace pss
