#include "ops/tensor_train/tensor_train.h"

namespace pss {
namespace {

// h [d0, d1 * r] = core0 [d0, r] x core1 [r, d1 * r]
void multiply_first_cores(float* h, TrainCores<const float> cores, const TrainShape& shape) {
  const int64_t r = shape.r, width = shape.d1 * r;
  for (int64_t a = 0; a < shape.d0; a++) {
    for (int64_t n = 0; n < width; n++) {
      float sum = 0;
      for (int64_t p = 0; p < r; p++) sum += cores.core0[a * r + p] * cores.core1[p * width + n];
      h[a * width + n] = sum;
    }
  }
}

}  // namespace

void tensor_train_ref(float* out, float* h, TrainCores<const float> cores, const TrainShape& shape) {
  const auto [r, d0, d1, d2] = shape;
  multiply_first_cores(h, cores, shape);
  for (int64_t ab = 0; ab < d0 * d1; ab++) {
    for (int64_t c = 0; c < d2; c++) {
      float sum = 0;
      for (int64_t q = 0; q < r; q++) sum += h[ab * r + q] * cores.core2[q * d2 + c];
      out[ab * d2 + c] = sum;
    }
  }
}

void tensor_train_backward_ref(TrainCores<float> dcores, float* h, float* dh, const float* dout,
                               TrainCores<const float> cores, const TrainShape& shape) {
  const auto [r, d0, d1, d2] = shape;
  const int64_t width = d1 * r;
  multiply_first_cores(h, cores, shape);
  for (int64_t ab = 0; ab < d0 * d1; ab++) {
    for (int64_t q = 0; q < r; q++) {
      float sum = 0;
      for (int64_t c = 0; c < d2; c++) sum += dout[ab * d2 + c] * cores.core2[q * d2 + c];
      dh[ab * r + q] = sum;
    }
  }
  for (int64_t q = 0; q < r; q++) {
    for (int64_t c = 0; c < d2; c++) {
      float sum = 0;
      for (int64_t ab = 0; ab < d0 * d1; ab++) sum += h[ab * r + q] * dout[ab * d2 + c];
      dcores.core2[q * d2 + c] = sum;
    }
  }
  for (int64_t a = 0; a < d0; a++) {
    for (int64_t p = 0; p < r; p++) {
      float sum = 0;
      for (int64_t n = 0; n < width; n++) sum += dh[a * width + n] * cores.core1[p * width + n];
      dcores.core0[a * r + p] = sum;
    }
  }
  for (int64_t p = 0; p < r; p++) {
    for (int64_t n = 0; n < width; n++) {
      float sum = 0;
      for (int64_t a = 0; a < d0; a++) sum += cores.core0[a * r + p] * dh[a * width + n];
      dcores.core1[p * width + n] = sum;
    }
  }
}

}  // namespace pss
