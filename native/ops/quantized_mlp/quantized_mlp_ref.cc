#include <algorithm>
#include <cmath>

#include "ops/quantized_mlp/quantized_mlp.h"

namespace pss {

namespace {

constexpr float kLargestByte = 255;

uint8_t to_byte(float value) {
  const float bounded = value > 0 ? std::min(value, kLargestByte) : 0;
  return static_cast<uint8_t>(std::lrint(bounded));
}

// Before ReLU. The sum is that of the definition, of which only the order may differ.
float output(const uint8_t* q, const QuantizedLayer& layer, int64_t n) {
  const int8_t* words = layer.panel_words(n / kBytePanel);
  int64_t sum = layer.start[n];
  for (int64_t k = 0; k < layer.K; k++) {
    const int64_t word = k / kBytesOfWord * kBytePanel + n % kBytePanel;
    sum += words[word * kBytesOfWord + k % kBytesOfWord] * q[k];
  }
  return static_cast<float>(static_cast<int32_t>(sum)) * layer.multiplier[n] + layer.offset[n];
}

}  // namespace

void quantize_rows_ref(uint8_t* q, int64_t q_ld, const Matrix& x, int64_t first, int64_t last,
                       const InputFormat& format) {
  for (int64_t b = first; b < last; b++, q += q_ld) {
    visit_rows(x, b, [&](const auto* row) {
      for (int64_t k = 0; k < format.columns; k++)
        q[k] = to_byte(to_float(row[k]) * format.inverse[k] + format.zero[k]);
    });
  }
}

void quantized_layer_to_bytes_ref(uint8_t* y, int64_t y_ld, const uint8_t* q, int64_t q_ld, int64_t rows,
                                  const QuantizedLayer& layer) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t n = 0; n < layer.N; n++) y[r * y_ld + n] = to_byte(output(q + r * q_ld, layer, n));
  }
}

void quantized_layer_to_floats_ref(const Matrix& y, int64_t first, int64_t last, const uint8_t* q,
                                   int64_t q_ld, const QuantizedLayer& layer) {
  for (int64_t b = first; b < last; b++, q += q_ld) {
    visit_rows(y, b, [&](auto* row) {
      for (int64_t n = 0; n < layer.N; n++) {
        const float value = output(q, layer, n);
        assign(row[n], value > 0 ? value : 0);
      }
    });
  }
}

}  // namespace pss
