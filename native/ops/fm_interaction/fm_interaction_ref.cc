#include "ops/fm_interaction/fm_interaction.h"

namespace pss {

namespace {

float fm_forward(const float* slots, int64_t F, int64_t D) {
  float out = 0;
  for (int64_t d = 0; d < D; d++) {
    float sum = 0, squares = 0;
    for (int64_t f = 0; f < F; f++) {
      sum += slots[f * D + d];
      squares += slots[f * D + d] * slots[f * D + d];
    }
    out += (sum * sum - squares) / 2;
  }
  return out;
}

void fm_backward(float* dslots, const float* slots, float dout, int64_t F, int64_t D) {
  for (int64_t d = 0; d < D; d++) {
    float sum = 0;
    for (int64_t f = 0; f < F; f++) sum += slots[f * D + d];
    for (int64_t f = 0; f < F; f++) dslots[f * D + d] = dout * (sum - slots[f * D + d]);
  }
}

}  // namespace

const FmKernels kFmReference = {fm_forward, fm_backward};

}  // namespace pss
