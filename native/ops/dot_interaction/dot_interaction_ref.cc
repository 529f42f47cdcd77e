#include "ops/dot_interaction/dot_interaction.h"

namespace pss {

void dot_forward_ref(float* pairs, const float* vectors, float* /*scratch*/, const InteractionShape& shape,
                     LookAhead /*next*/) {
  for (int64_t i = 1; i < shape.V; i++) {
    for (int64_t j = 0; j < i; j++) {
      float sum = 0;
      for (int64_t d = 0; d < shape.D; d++) sum += vectors[i * shape.Dp + d] * vectors[j * shape.Dp + d];
      *pairs++ = sum;
    }
  }
}

void dot_backward_ref(float* dbottom, float* dslots, const float* vectors, const float* dout,
                      const InteractionShape& shape, LookAhead /*next*/) {
  const int64_t D = shape.D;
  const float* dpairs = dout + D;
  for (int64_t i = 0; i < shape.V; i++) {
    float* dv = i == 0 ? dbottom : dslots + (i - 1) * D;
    for (int64_t d = 0; d < D; d++) {
      float sum = 0;
      for (int64_t j = 0; j < shape.V; j++) {
        if (j == i) continue;
        const int64_t row = i > j ? i : j, column = i > j ? j : i;
        sum += dpairs[row * (row - 1) / 2 + column] * vectors[j * shape.Dp + d];
      }
      dv[d] = i == 0 ? dout[d] + sum : sum;
    }
  }
}

}  // namespace pss
