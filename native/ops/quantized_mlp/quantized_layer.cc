#include "ops/quantized_mlp/quantized_layer.h"

#include <algorithm>
#include <cmath>

namespace pss {

namespace {

constexpr float kLargestWeight = 127;

// To the nearest, ties to even, within 8 bits with sign; what isn't a number is the least of them.
int8_t to_weight(float value) {
  const float bounded = value > -kLargestWeight ? std::min(value, kLargestWeight) : -kLargestWeight;
  return static_cast<int8_t>(std::lrint(bounded));
}

}  // namespace

QuantizedLayer::QuantizedLayer(const Parameter* weights, const Parameter* biases, std::vector<float> scales,
                               std::vector<float> zeros, std::vector<float> out_scales)
    : weight(weights),
      bias(biases),
      input_scale(std::move(scales)),
      input_zero(std::move(zeros)),
      output_scale(std::move(out_scales)),
      K(weights->cols),
      N(weights->rows),
      steps((K + kBytesOfWord - 1) / kBytesOfWord),
      columns(pad_to_vector(N)),
      panels((N + kBytePanel - 1) / kBytePanel),
      words(static_cast<size_t>(panels * steps * kBytePanel * kBytesOfWord)),
      start(static_cast<size_t>(columns)),
      multiplier(static_cast<size_t>(columns)),
      offset(static_cast<size_t>(columns)) {}

void QuantizedLayer::quantize(int64_t panel) {
  for (int64_t n = panel * kBytePanel; n < std::min(N, (panel + 1) * kBytePanel); n++) {
    const float* row = weight->value + n * weight->ld;
    float largest = 0;
    for (int64_t k = 0; k < K; k++) largest = std::max(largest, std::fabs(row[k] * input_scale[k]));
    const float row_scale = largest / kLargestWeight;
    int32_t sum = 0;
    for (int64_t k = 0; k < K; k++) {
      const int8_t w8 = row_scale > 0 ? to_weight(row[k] * input_scale[k] / row_scale) : int8_t{0};
      word_byte(n, k) = w8;
      sum += w8 * static_cast<int32_t>(input_zero[k]);
    }
    start[n] = -sum;
    const float scale = output_scale[static_cast<size_t>(n)];
    multiplier[n] = scale > 0 ? row_scale / scale : 0.0f;
    offset[n] = scale > 0 ? bias->value[n] / scale : 0.0f;
  }
}

}  // namespace pss
