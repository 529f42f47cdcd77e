#include "ops/combine/combine.h"

namespace pss {

void combine_ref(float* out, const float* in, const float* signs, CombineKind kind, int64_t l, int64_t D) {
  for (int64_t i = 0; i < D; i++) {
    float value = signs ? signs[0] * in[i] : in[i];
    for (int64_t c = 1; c < l; c++) {
      const float next = in[c * D + i];
      value = kind == CombineKind::kProduct ? value * next : value + (signs ? signs[c] * next : next);
    }
    out[i] = value;
  }
}

void combine_backward_ref(float* din, const float* dout, const float* in, const float* signs,
                          CombineKind kind, int64_t l, int64_t D) {
  for (int64_t c = 0; c < l; c++) {
    for (int64_t i = 0; i < D; i++) {
      float gradient = signs ? signs[c] * dout[i] : dout[i];
      for (int64_t other = 0; kind == CombineKind::kProduct && other < l; other++) {
        if (other != c) gradient *= in[other * D + i];
      }
      din[c * D + i] = gradient;
    }
  }
}

}  // namespace pss
