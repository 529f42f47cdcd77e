#include <algorithm>
#include <cmath>

#include "ops/self_attention/self_attention.h"

namespace pss {

namespace {

// q, k or v (part 0, 1, 2) of slot f in head h.
const float* part_of(const float* qkv, int64_t part, int64_t f, int64_t h, const AttentionShape& shape) {
  return qkv + (3 * f + part) * shape.A() + h * shape.dim;
}

float dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

void softmax(float* row, int64_t n) {
  const float most = *std::max_element(row, row + n);
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += row[i] = std::exp(row[i] - most);
  for (int64_t i = 0; i < n; i++) row[i] /= sum;
}

void attention_forward(float* y, float* probabilities, const float* qkv, float*, const AttentionShape& shape,
                       const BlockKernels&) {
  const int64_t F = shape.F, dim = shape.dim, A = shape.A();
  for (int64_t h = 0; h < shape.heads; h++) {
    for (int64_t f = 0; f < F; f++) {
      float* row = probabilities + (h * F + f) * shape.Fp;
      const float* q = part_of(qkv, 0, f, h, shape);
      for (int64_t g = 0; g < F; g++) row[g] = dot(q, part_of(qkv, 1, g, h, shape), dim);
      softmax(row, F);
      float* out = y + f * A + h * dim;
      for (int64_t g = 0; g < F; g++) {
        const float* v = part_of(qkv, 2, g, h, shape);
        for (int64_t a = 0; a < dim; a++) out[a] += row[g] * v[a];
      }
    }
  }
  for (int64_t i = 0; i < F * A; i++) y[i] = std::max(y[i], 0.0f);
}

void attention_backward(float* dqkvr, const float* dy, const float* y, const float* probabilities,
                        const float* qkv, float*, const AttentionShape& shape, const BlockKernels&) {
  const int64_t F = shape.F, dim = shape.dim, A = shape.A();
  const auto gradient = [&](int64_t part, int64_t f, int64_t h) {
    return dqkvr + (4 * f + part) * A + h * dim;
  };
  std::fill_n(dqkvr, F * 4 * A, 0.0f);
  for (int64_t f = 0; f < F; f++) {
    for (int64_t a = 0; a < A; a++) gradient(3, f, 0)[a] = y[f * A + a] > 0 ? dy[f * A + a] : 0.0f;
  }
  for (int64_t h = 0; h < shape.heads; h++) {
    for (int64_t f = 0; f < F; f++) {
      const float* row = probabilities + (h * F + f) * shape.Fp;
      const float* dr = gradient(3, f, h);
      float mean = 0;
      for (int64_t g = 0; g < F; g++) mean += row[g] * dot(dr, part_of(qkv, 2, g, h, shape), dim);
      for (int64_t g = 0; g < F; g++) {
        const float ds = row[g] * (dot(dr, part_of(qkv, 2, g, h, shape), dim) - mean);
        for (int64_t a = 0; a < dim; a++) {
          gradient(0, f, h)[a] += ds * part_of(qkv, 1, g, h, shape)[a];
          gradient(1, g, h)[a] += ds * part_of(qkv, 0, f, h, shape)[a];
          gradient(2, g, h)[a] += row[g] * dr[a];
        }
      }
    }
  }
}

}  // namespace

const AttentionKernels kAttentionReference = {attention_forward, attention_backward};

}  // namespace pss
