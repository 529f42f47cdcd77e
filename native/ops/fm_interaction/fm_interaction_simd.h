// The factorization machine's kernels for the Simd of the file that includes this.
#pragma once

#include "ops/fm_interaction/fm_interaction.h"

namespace pss {
namespace {

constexpr int64_t kLanes = Simd::kLanes;

float fm_forward(const float* slots, int64_t F, int64_t D) {
  Simd::Floats out = Simd::zero();
  for (int64_t d = 0; d < D; d += kLanes) {
    const Simd::Mask mask = Simd::mask(D - d);
    Simd::Floats sum = Simd::zero(), squares = Simd::zero();
    for (int64_t f = 0; f < F; f++) {
      const Simd::Floats e = Simd::load(mask, slots + f * D + d);
      sum = Simd::add(sum, e);
      squares = Simd::multiply_add(e, e, squares);
    }
    out = Simd::add(out, Simd::multiply_add(sum, sum, Simd::subtract(Simd::zero(), squares)));
  }
  return Simd::sum(out) / 2;
}

void fm_backward(float* dslots, const float* slots, float dout, int64_t F, int64_t D) {
  const Simd::Floats scale = Simd::set(dout);
  for (int64_t d = 0; d < D; d += kLanes) {
    const Simd::Mask mask = Simd::mask(D - d);
    Simd::Floats sum = Simd::zero();
    for (int64_t f = 0; f < F; f++) {
      sum = Simd::add(sum, Simd::load(mask, slots + f * D + d));
    }
    for (int64_t f = 0; f < F; f++) {
      const Simd::Floats e = Simd::load(mask, slots + f * D + d);
      Simd::store(mask, dslots + f * D + d, Simd::multiply(scale, Simd::subtract(sum, e)));
    }
  }
}

constexpr FmKernels kFmSimd = {fm_forward, fm_backward};

}  // namespace
}  // namespace pss
