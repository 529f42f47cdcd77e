#include <algorithm>
#include <cmath>

#include "ops/self_attention/self_attention.h"

namespace pss {

namespace {

// q, k or v (part 0, 1, 2) of slot f in head h.
template <typename Number>
const Number* part_of(const Number* qkv, int64_t part, int64_t f, int64_t h, const AttentionShape& shape) {
  return qkv + (3 * f + part) * shape.kept_A<Number>() + h * shape.kept_dim<Number>();
}

template <typename Number>
float dot(const Number* a, const Number* b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += to_float(a[i]) * to_float(b[i]);
  return sum;
}

void softmax(float* row, int64_t n) {
  const float most = *std::max_element(row, row + n);
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += row[i] = std::exp(row[i] - most);
  for (int64_t i = 0; i < n; i++) row[i] /= sum;
}

template <typename Number>
void attention_forward(float* y, Number* probabilities, const Number* qkv, float* scratch,
                       const AttentionShape& shape, const BlockKernels&) {
  const int64_t F = shape.F, dim = shape.dim, A = shape.A();
  for (int64_t h = 0; h < shape.heads; h++) {
    for (int64_t f = 0; f < F; f++) {
      Number* row = probabilities + (h * F + f) * shape.Fp;
      const Number* q = part_of(qkv, 0, f, h, shape);
      for (int64_t g = 0; g < F; g++) scratch[g] = dot(q, part_of(qkv, 1, g, h, shape), dim);
      softmax(scratch, F);
      float* out = y + f * A + h * dim;
      for (int64_t g = 0; g < F; g++) {
        assign(row[g], scratch[g]);
        const Number* v = part_of(qkv, 2, g, h, shape);
        for (int64_t a = 0; a < dim; a++) out[a] += to_float(row[g]) * to_float(v[a]);
      }
    }
  }
  for (int64_t i = 0; i < F * A; i++) y[i] = std::max(y[i], 0.0f);
}

// Rounds dq, dk and dv [F, 3A] to where the kernels leave them.
template <typename Number>
void round_gradients(Number* dqkvr, const float* dqkv, const AttentionShape& shape) {
  for (int64_t f = 0; f < shape.F; f++) {
    for (int64_t part = 0; part < 3 * shape.heads; part++) {
      for (int64_t a = 0; a < shape.dim; a++) {
        assign(dqkvr[(4 * f * shape.heads + part) * shape.kept_dim<Number>() + a],
               dqkv[(3 * f * shape.heads + part) * shape.dim + a]);
      }
    }
  }
}

void join_rows(float*, const float*, const AttentionShape&) {}

void join_rows(uint32_t* joined, const Bf16* dqkvr, const AttentionShape& shape) {
  const int64_t width = 4 * shape.kept_A<Bf16>();
  for (int64_t f = 0; f < shape.F; f++) {
    uint32_t* row = joined + f / 2 * width;
    for (int64_t a = 0; a < width; a++) {
      const uint32_t bits = dqkvr[f * width + a].bits;
      row[a] = f % 2 == 0 ? bits : row[a] | bits << 16;
    }
  }
}

template <typename Number>
void attention_backward(Number* dqkvr, Word<Number>* joined, const float* dy, const float* y,
                        const Number* probabilities, const Number* qkv, float* scratch,
                        const AttentionShape& shape, const BlockKernels&) {
  const int64_t F = shape.F, dim = shape.dim, A = shape.A();
  float* dp = scratch;
  float* dqkv = scratch + F;
  std::fill_n(dqkv, F * 3 * A, 0.0f);
  std::fill_n(dqkvr, F * 4 * shape.kept_A<Number>(), Number{});
  for (int64_t h = 0; h < shape.heads; h++) {
    const auto gradient = [&](int64_t part, int64_t f) { return dqkv + (3 * f + part) * A + h * dim; };
    const auto dr = [&](int64_t f) {
      return dqkvr + (4 * f + 3) * shape.kept_A<Number>() + h * shape.kept_dim<Number>();
    };
    for (int64_t f = 0; f < F; f++) {
      const int64_t at = f * A + h * dim;
      for (int64_t a = 0; a < dim; a++) assign(dr(f)[a], y[at + a] > 0 ? dy[at + a] : 0.0f);
      const Number* row = probabilities + (h * F + f) * shape.Fp;
      float mean = 0;
      for (int64_t g = 0; g < F; g++) {
        dp[g] = dot(dr(f), part_of(qkv, 2, g, h, shape), dim);
        mean += to_float(row[g]) * dp[g];
      }
      for (int64_t g = 0; g < F; g++) {
        Number ds;
        assign(ds, to_float(row[g]) * (dp[g] - mean));
        for (int64_t a = 0; a < dim; a++) {
          gradient(0, f)[a] += to_float(ds) * to_float(part_of(qkv, 1, g, h, shape)[a]);
          gradient(1, g)[a] += to_float(ds) * to_float(part_of(qkv, 0, f, h, shape)[a]);
          gradient(2, g)[a] += to_float(row[g]) * to_float(dr(f)[a]);
        }
      }
    }
  }
  round_gradients(dqkvr, dqkv, shape);
  join_rows(joined, dqkvr, shape);
}

}  // namespace

const AttentionFormats kAttentionReference = {{attention_forward<float>, attention_backward<float>},
                                              {attention_forward<Bf16>, attention_backward<Bf16>}};

}  // namespace pss
