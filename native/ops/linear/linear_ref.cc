#include "ops/linear/linear.h"

namespace pss {

void mask_and_transpose_ref(float* dy, float* dzt, float* dbias, const float* y, int64_t ld, int64_t B,
                            int64_t first, int64_t last) {
  for (int64_t n = 0; n < ld; n++) dbias[n] = 0;
  for (int64_t b = first; b < last; b++) {
    for (int64_t n = 0; n < ld; n++) {
      float& dz = dy[b * ld + n];
      if (y && !(y[b * ld + n] > 0)) dz = 0;
      dzt[n * B + b] = dz;
      dbias[n] += dz;
    }
  }
}

void dot_rows_ref(float* y, const float* x, int64_t ld, const float* weights, float bias, int64_t B,
                  int64_t K) {
  for (int64_t b = 0; b < B; b++) {
    float sum = 0;
    for (int64_t k = 0; k < K; k++) sum += x[b * ld + k] * weights[k];
    y[b] = sum + bias;
  }
}

void outer_rows_ref(float* dx, float* dweights, const float* dy, const float* x, int64_t ld,
                    const float* weights, int64_t B, int64_t K) {
  for (int64_t b = 0; b < B; b++) {
    for (int64_t k = 0; k < K; k++) {
      if (dx) dx[b * ld + k] = dy[b] * weights[k];
      dweights[k] += dy[b] * x[b * ld + k];
    }
  }
}

void linear_forward_ref(float* y, int64_t y_ld, const float* x, int64_t x_ld, const float* weights,
                        int64_t w_ld, const float* bias, int64_t B, int64_t K, int64_t N, bool relu) {
  for (int64_t b = 0; b < B; b++) {
    for (int64_t n = 0; n < N; n++) {
      float sum = 0;
      for (int64_t k = 0; k < K; k++) sum += x[b * x_ld + k] * weights[n * w_ld + k];
      if (bias) sum += bias[n];
      y[b * y_ld + n] = relu && !(sum > 0) ? 0 : sum;
    }
  }
}

void linear_dx_ref(float* dx, int64_t dx_ld, const float* dz, int64_t dz_ld, const float* weights,
                   int64_t w_ld, int64_t B, int64_t K, int64_t N) {
  for (int64_t b = 0; b < B; b++) {
    for (int64_t k = 0; k < K; k++) dx[b * dx_ld + k] = 0;
    for (int64_t n = 0; n < N; n++) {
      for (int64_t k = 0; k < K; k++) dx[b * dx_ld + k] += dz[b * dz_ld + n] * weights[n * w_ld + k];
    }
  }
}

void linear_dweight_ref(float* dweights, int64_t w_ld, const float* dz, int64_t dz_ld, const float* x,
                        int64_t x_ld, int64_t B, int64_t K, int64_t first, int64_t last) {
  for (int64_t n = first; n < last; n++) {
    for (int64_t k = 0; k < K; k++) dweights[n * w_ld + k] = 0;
    for (int64_t b = 0; b < B; b++) {
      for (int64_t k = 0; k < K; k++) dweights[n * w_ld + k] += dz[b * dz_ld + n] * x[b * x_ld + k];
    }
  }
}

}  // namespace pss
