#include <algorithm>

#include "ops/cross_network/cross_network.h"

namespace pss {

namespace {

float dot(const float* a, const float* b, int64_t K) {
  float sum = 0;
  for (int64_t k = 0; k < K; k++) sum += a[k] * b[k];
  return sum;
}

void cross_forward(float* out, float* scales, const float* x, const float* weights, const float* biases,
                   int64_t B, const CrossShape& shape) {
  const auto [L, K, ld] = shape;
  for (int64_t b = 0; b < B; b++, out += ld, x += ld, scales += L) {
    std::copy_n(x, K, out);
    for (int64_t l = 0; l < L; l++) {
      scales[l] = dot(out, weights + l * ld, K);
      for (int64_t k = 0; k < K; k++) out[k] = x[k] * scales[l] + biases[l * ld + k] + out[k];
    }
  }
}

void cross_backward(float* dx, float* dweights, float* dbiases, const float* dout, const float* scales,
                    const float* x, const float* weights, const float* bias_sums, float* scratch, int64_t B,
                    const CrossShape& shape) {
  const auto [L, K, ld] = shape;
  for (int64_t b = 0; b < B; b++, x += ld, dout += ld, scales += L) {
    float* g = scratch;
    std::copy_n(dout, K, g);
    if (dx) std::fill_n(dx, K, 0.0f);
    for (int64_t l = L - 1; l >= 0; l--) {
      float factor = 1;
      for (int64_t i = 0; i < l; i++) factor += scales[i];
      const float ds = dot(g, x, K);
      for (int64_t k = 0; k < K; k++) {
        dbiases[l * ld + k] += g[k];
        dweights[l * ld + k] += ds * (x[k] * factor + bias_sums[l * ld + k]);
        if (dx) dx[k] += g[k] * scales[l];
        g[k] += ds * weights[l * ld + k];
      }
    }
    if (!dx) continue;
    for (int64_t k = 0; k < K; k++) dx[k] += g[k];
    dx += ld;
  }
}

}  // namespace

const CrossKernels kCrossReference = {cross_forward, cross_backward};

}  // namespace pss
