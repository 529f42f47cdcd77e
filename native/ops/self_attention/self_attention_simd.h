// The attention's kernels for the Simd of the file that includes this. Scores are kept transposed, [g, f]: so
// the softmax over g runs down the columns and adds no lanes of a register to each other.
#pragma once

#include "ops/self_attention/self_attention.h"

namespace pss {
namespace {

constexpr int64_t kLanes = Simd::kLanes;

// e^x for x <= 0, about 1 unit in the last place: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial in r,
// times 2^n.
inline Simd::Floats exponential(Simd::Floats x) {
  const Simd::Floats n = Simd::to_integer(Simd::multiply(x, Simd::set(1.44269504f)));
  Simd::Floats r = Simd::multiply_add(n, Simd::set(-0.693359375f), x);
  r = Simd::multiply_add(n, Simd::set(2.12194440e-4f), r);
  Simd::Floats p = Simd::set(1.0f / 5040);
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = Simd::multiply_add(p, r, Simd::set(c));
  return Simd::times_power(p, n);
}

// Every column of s [F, Fp].
void softmax_columns(float* s, int64_t F, int64_t Fp) {
  for (int64_t f = 0; f < F; f += kLanes) {
    Simd::Floats top = Simd::load(s + f);
    for (int64_t g = 1; g < F; g++) top = Simd::max(top, Simd::load(s + g * Fp + f));
    Simd::Floats sum = Simd::zero();
    for (int64_t g = 0; g < F; g++) {
      float* at = s + g * Fp + f;
      const Simd::Floats e = exponential(Simd::subtract(Simd::load(at), top));
      sum = Simd::add(sum, e);
      Simd::store(at, e);
    }
    const Simd::Floats scale = Simd::divide(Simd::set(1), sum);
    for (int64_t g = 0; g < F; g++) {
      float* at = s + g * Fp + f;
      Simd::store(at, Simd::multiply(Simd::load(at), scale));
    }
  }
}

// dS = P * (dP - sum_g P * dP), in place of dP; all [g, f].
void softmax_columns_backward(float* dp, const float* p, int64_t F, int64_t Fp) {
  for (int64_t f = 0; f < F; f += kLanes) {
    Simd::Floats mean = Simd::zero();
    for (int64_t g = 0; g < F; g++)
      mean = Simd::multiply_add(Simd::load(p + g * Fp + f), Simd::load(dp + g * Fp + f), mean);
    for (int64_t g = 0; g < F; g++) {
      float* at = dp + g * Fp + f;
      Simd::store(at, Simd::multiply(Simd::subtract(Simd::load(at), mean), Simd::load(p + g * Fp + f)));
    }
  }
}

void attention_forward(float* y, float* probabilities, const float* qkv, float* scratch,
                       const AttentionShape& shape, const BlockKernels& block) {
  const int64_t F = shape.F, Fp = shape.Fp, dim = shape.dim, A = shape.A();
  for (int64_t h = 0; h < shape.heads; h++) {
    const float* q = qkv + h * dim;
    float* p = probabilities + h * F * Fp;
    block.transpose(scratch, Fp, q, 3 * A, F, dim);
    block.gemm(BlockGemm<float>{p, Fp, q + A, 3 * A, 1, scratch, Fp, F, Fp, dim, false});
    softmax_columns(p, F, Fp);
    block.gemm(BlockGemm<float>{y + h * dim, A, p, 1, Fp, q + 2 * A, 3 * A, F, dim, F, true});
  }
  for (int64_t i = 0; i < F * A; i += kLanes) {
    const Simd::Mask mask = Simd::mask(F * A - i);
    Simd::store(mask, y + i, Simd::relu(Simd::load(mask, y + i)));
  }
}

void attention_backward(float* dqkvr, const float* dy, const float* y, const float* probabilities,
                        const float* qkv, float* scratch, const AttentionShape& shape,
                        const BlockKernels& block) {
  const int64_t F = shape.F, Fp = shape.Fp, dim = shape.dim, A = shape.A();
  for (int64_t f = 0; f < F; f++) {
    for (int64_t a = 0; a < A; a += kLanes) {
      const Simd::Mask mask = Simd::mask(A - a);
      const int64_t at = f * A + a;
      Simd::store(mask, dqkvr + (4 * f + 3) * A + a,
                  Simd::where_positive(Simd::load(mask, dy + at), Simd::load(mask, y + at)));
    }
  }
  float* transposed = scratch;
  float* ds = scratch + dim * Fp;
  for (int64_t h = 0; h < shape.heads; h++) {
    const float* q = qkv + h * dim;
    const float* p = probabilities + h * F * Fp;
    float* dq = dqkvr + h * dim;
    const float* dr = dq + 3 * A;
    block.gemm(BlockGemm<float>{dq + 2 * A, 4 * A, p, Fp, 1, dr, 4 * A, F, dim, F, false});
    block.transpose(transposed, Fp, dr, 4 * A, F, dim);
    block.gemm(BlockGemm<float>{ds, Fp, q + 2 * A, 3 * A, 1, transposed, Fp, F, Fp, dim, false});
    softmax_columns_backward(ds, p, F, Fp);
    block.gemm(BlockGemm<float>{dq, 4 * A, ds, 1, Fp, q + A, 3 * A, F, dim, F, false});
    block.gemm(BlockGemm<float>{dq + A, 4 * A, ds, Fp, 1, q, 3 * A, F, dim, F, false});
  }
}

constexpr AttentionKernels kAttentionSimd = {attention_forward, attention_backward};

}  // namespace
}  // namespace pss
