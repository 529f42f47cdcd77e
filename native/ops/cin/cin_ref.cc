#include <algorithm>

#include "ops/cin/cin.h"

namespace pss {

void cin_forward_ref(float* out, float* hidden, const float* slots, const CinShape& shape,
                     Precision precision) {
  const int64_t F = shape.F, D = shape.D;
  const float* below = slots;
  for (const CinLayer& layer : shape.layers) {
    float* maps = hidden + layer.hidden * D;
    for (int64_t n = 0; n < layer.N; n++) {
      const float* weight = layer.weight + n * layer.weight_ld;
      float sum = 0;
      for (int64_t d = 0; d < D; d++) {
        float x = layer.bias[n];
        for (int64_t h = 0; h < layer.H; h++) {
          for (int64_t m = 0; m < F; m++) {
            const float z = below[h * D + d] * slots[m * D + d];
            x += rounded(weight[h * F + m], precision) * rounded(z, precision);
          }
        }
        maps[n * D + d] = std::max(x, 0.0f);
        sum += maps[n * D + d];
      }
      if (n >= layer.on) out[layer.out + n - layer.on] = sum;
    }
    below = maps;
  }
}

void cin_backward_ref(float* dslots, const std::vector<CinGradients>& gradients, float* dhidden,
                      const float* dout, const float* hidden, const float* slots, const CinShape& shape,
                      Precision precision) {
  const int64_t F = shape.F, D = shape.D;
  std::fill_n(dslots, F * D, 0.0f);
  std::fill_n(dhidden, shape.maps * D, 0.0f);
  for (size_t l = shape.layers.size(); l-- > 0;) {
    const CinLayer& layer = shape.layers[l];
    const float* below = l ? hidden + shape.layers[l - 1].hidden * D : slots;
    float* dbelow = l ? dhidden + shape.layers[l - 1].hidden * D : dslots;
    for (int64_t n = 0; n < layer.N; n++) {
      const float* weight = layer.weight + n * layer.weight_ld;
      float* dweight = gradients[l].weight + n * layer.weight_ld;
      for (int64_t d = 0; d < D; d++) {
        const int64_t at = (layer.hidden + n) * D + d;
        if (!(hidden[at] > 0)) continue;
        const float exact = n < layer.on ? dhidden[at] : dout[layer.out + n - layer.on];
        gradients[l].bias[n] += exact;
        const float dx = rounded(exact, precision);
        for (int64_t h = 0; h < layer.H; h++) {
          for (int64_t m = 0; m < F; m++) {
            const int64_t k = h * F + m;
            const float dz = dx * rounded(weight[k], precision);
            dweight[k] += dx * rounded(below[h * D + d] * slots[m * D + d], precision);
            dbelow[h * D + d] += dz * slots[m * D + d];
            dslots[m * D + d] += dz * below[h * D + d];
          }
        }
      }
    }
  }
}

}  // namespace pss
