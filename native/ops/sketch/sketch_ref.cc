#include "ops/sketch/sketch.h"

namespace pss {

void sketch_entries_ref(float* entries, SketchKind kind, uint64_t seed, uint64_t column, float scale,
                        int64_t first, int64_t count) {
  for (int64_t i = 0; i < count; i += 4) {
    const PhiloxBlock words = sketch_words(seed, static_cast<uint64_t>((first + i) / 4), column);
    for (int64_t w = 0; w < 4; w++) entries[i + w] = sketch_entry(kind, words[w], scale);
  }
}

void sketch_forward_ref(float* out, const float* entries, int64_t entries_ld, const float* memory,
                        int64_t memory_ld, int64_t k, int64_t D) {
  for (int64_t g = 0; g < kSketchGroup; g++) {
    for (int64_t i = 0; i < D; i++) {
      float sum = 0;
      for (int64_t j = 0; j < k; j++) sum += entries[g * entries_ld + j] * memory[j * memory_ld + i];
      out[g * D + i] = sum;
    }
  }
}

void sketch_backward_ref(float* dmemory, int64_t memory_ld, const float* entries, const float* const* dout,
                         int64_t count, int64_t rows, int64_t D) {
  for (int64_t n = 0; n < count; n++) {
    for (int64_t j = 0; j < rows; j++) {
      for (int64_t i = 0; i < D; i++) {
        dmemory[j * memory_ld + i] += entries[n * kSketchBlock + j] * dout[n][i];
      }
    }
  }
}

}  // namespace pss
