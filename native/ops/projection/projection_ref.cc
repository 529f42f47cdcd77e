#include <algorithm>

#include "ops/projection/projection.h"

namespace pss {

void project_ref(float* out, const float* in, const float* packed, int64_t d, int64_t D) {
  for (int64_t i = 0; i < D; i++) {
    float sum = 0;
    for (int64_t k = 0; k < d; k++) sum += in[k] * packed[k * D + i];
    out[i] = sum;
  }
}

void project_backward_ref(float* din, const float* dout, const float* packed, int64_t d, int64_t D) {
  for (int64_t k = 0; k < d; k++) {
    float sum = 0;
    for (int64_t i = 0; i < D; i++) sum += dout[i] * packed[k * D + i];
    din[k] = sum;
  }
}

void project_gradient_ref(float* dpacked, const float* in, int64_t in_ld, const float* dout, int64_t dout_ld,
                          int64_t B, int64_t count, int64_t D) {
  std::fill_n(dpacked, count * D, 0.0f);
  for (int64_t b = 0; b < B; b++) {
    for (int64_t k = 0; k < count; k++) {
      for (int64_t i = 0; i < D; i++) dpacked[k * D + i] += in[b * in_ld + k] * dout[b * dout_ld + i];
    }
  }
}

}  // namespace pss
