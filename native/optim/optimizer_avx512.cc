#include <immintrin.h>

#include "optim/optimizer.h"

namespace pss {

namespace {

inline __mmask16 lanes(int64_t count) {
  return count >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << count) - 1);
}

struct Constants {
  __m512 rate, epsilon, beta1, beta2, rest1, rest2, correction2;
};

Constants constants(const OptimizerSpec& spec, const UpdateScalars& scalars) {
  const bool adam = spec.kind == OptimizerKind::kAdam;
  const float rate = adam ? scalars.learning_rate / scalars.bias_correction1 : scalars.learning_rate;
  return {_mm512_set1_ps(rate),
          _mm512_set1_ps(spec.epsilon),
          _mm512_set1_ps(spec.beta1),
          _mm512_set1_ps(spec.beta2),
          _mm512_set1_ps(1 - spec.beta1),
          _mm512_set1_ps(1 - spec.beta2),
          _mm512_set1_ps(scalars.bias_correction2)};
}

// Sixteen floats; masked lanes are neither read nor written.
template <OptimizerKind kind>
inline void update_vector(__mmask16 mask, float* weights, __m512 g, float* state0, float* state1,
                          const Constants& k) {
  __m512 change;
  if constexpr (kind == OptimizerKind::kSgd) {
    change = _mm512_mul_ps(k.rate, g);
  } else if constexpr (kind == OptimizerKind::kAdam) {
    const __m512 m =
        _mm512_add_ps(_mm512_mul_ps(k.beta1, _mm512_maskz_loadu_ps(mask, state0)), _mm512_mul_ps(k.rest1, g));
    const __m512 v = _mm512_add_ps(_mm512_mul_ps(k.beta2, _mm512_maskz_loadu_ps(mask, state1)),
                                   _mm512_mul_ps(_mm512_mul_ps(k.rest2, g), g));
    _mm512_mask_storeu_ps(state0, mask, m);
    _mm512_mask_storeu_ps(state1, mask, v);
    const __m512 root = _mm512_sqrt_ps(_mm512_div_ps(v, k.correction2));
    change = _mm512_div_ps(_mm512_mul_ps(k.rate, m), _mm512_add_ps(root, k.epsilon));
  } else {
    const __m512 a = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, state0), _mm512_mul_ps(g, g));
    _mm512_mask_storeu_ps(state0, mask, a);
    change = _mm512_div_ps(_mm512_mul_ps(k.rate, g), _mm512_add_ps(_mm512_sqrt_ps(a), k.epsilon));
  }
  _mm512_mask_storeu_ps(weights, mask, _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, weights), change));
}

template <OptimizerKind kind>
void update_all(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                const Constants& k) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    update_vector<kind>(0xFFFF, weights + i, _mm512_loadu_ps(gradient + i), state0 + i, state1 + i, k);
  }
  if (i == n) return;
  const __mmask16 mask = lanes(n - i);
  update_vector<kind>(mask, weights + i, _mm512_maskz_loadu_ps(mask, gradient + i), state0 + i, state1 + i,
                      k);
}

template <OptimizerKind kind>
void update_touched(float* weights, float* gradient, float* state0, float* state1, int64_t n,
                    const Constants& k) {
  const __m512 untouched = _mm512_set1_ps(kUntouched);
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 inside = lanes(n - i);
    const __m512 g = _mm512_maskz_loadu_ps(inside, gradient + i);
    const __mmask16 touched =
        _mm512_mask_cmpneq_epi32_mask(inside, _mm512_castps_si512(g), _mm512_castps_si512(untouched));
    if (touched == 0) continue;
    update_vector<kind>(touched, weights + i, g, state0 + i, state1 + i, k);
    _mm512_mask_storeu_ps(gradient + i, touched, untouched);
  }
}

}  // namespace

void update_range_avx512(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                         const OptimizerSpec& spec, const UpdateScalars& scalars) {
  const Constants k = constants(spec, scalars);
  switch (spec.kind) {
    case OptimizerKind::kSgd:
      return update_all<OptimizerKind::kSgd>(weights, gradient, state0, state1, n, k);
    case OptimizerKind::kAdagrad:
    case OptimizerKind::kRowwiseAdagrad:
      return update_all<OptimizerKind::kAdagrad>(weights, gradient, state0, state1, n, k);
    case OptimizerKind::kAdam:
      return update_all<OptimizerKind::kAdam>(weights, gradient, state0, state1, n, k);
  }
}

void update_touched_avx512(float* weights, float* gradient, float* state0, float* state1, int64_t n,
                           const OptimizerSpec& spec, const UpdateScalars& scalars) {
  const Constants k = constants(spec, scalars);
  switch (spec.kind) {
    case OptimizerKind::kSgd:
      return update_touched<OptimizerKind::kSgd>(weights, gradient, state0, state1, n, k);
    case OptimizerKind::kAdagrad:
    case OptimizerKind::kRowwiseAdagrad:
      return update_touched<OptimizerKind::kAdagrad>(weights, gradient, state0, state1, n, k);
    case OptimizerKind::kAdam:
      return update_touched<OptimizerKind::kAdam>(weights, gradient, state0, state1, n, k);
  }
}

}  // namespace pss
