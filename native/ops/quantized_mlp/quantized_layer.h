// Floats and weights in 8 bits, as quantized_mlp.h defines them.
#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "ops/op.h"

namespace pss {

// Outputs of a panel.
constexpr int64_t kBytePanel = 64;
// Inputs that one multiplication takes: the bytes of a word.
constexpr int64_t kBytesOfWord = 4;

// How floats become the first layer's bytes: q = round(clamp(x * inverse[k] + zero[k], 0, 255)). Both are
// padded with zeros to whole vectors, so that a row's padding becomes zeros.
struct InputFormat {
  int64_t columns = 0;  // padded
  AlignedBuffer<float> inverse, zero;
};

struct QuantizedLayer {
  // `input_scale` and `input_zero` [K], `output_scale` [N], which is 1 where outputs are floats.
  QuantizedLayer(const Parameter* weight, const Parameter* bias, std::vector<float> input_scale,
                 std::vector<float> input_zero, std::vector<float> output_scale);
  // Fills everything below for the outputs of one panel, from the weights as they are.
  void quantize(int64_t panel);

  const Parameter* weight;
  const Parameter* bias;
  std::vector<float> input_scale, input_zero, output_scale;
  int64_t K, N;
  int64_t steps;    // words of a row of inputs
  int64_t columns;  // N padded to whole vectors
  int64_t panels;
  // [panel, step, output of the panel, byte]: w8, zeros as padding.
  AlignedBuffer<int8_t> words;
  // [columns]; outputs are (sum of w8 * q + start) * multiplier + offset, zero in the padding.
  AlignedBuffer<int32_t> start;
  AlignedBuffer<float> multiplier, offset;

  const int8_t* panel_words(int64_t panel) const {
    return words.data() + panel * steps * kBytePanel * kBytesOfWord;
  }
  int8_t& word_byte(int64_t n, int64_t k) {
    const int64_t word = n / kBytePanel * steps + k / kBytesOfWord;
    return words[(word * kBytePanel + n % kBytePanel) * kBytesOfWord + k % kBytesOfWord];
  }
};

}  // namespace pss
