// The optimizers' formulas on the device (optimizer.h), rounded as written: no contraction, IEEE division and
// square root, so the bits are the CPU's for the same gradient.
#pragma once

#include "optim/optimizer_kernel.h"

namespace pss {

struct Sgd {
  static constexpr int kStates = 0;
  __device__ static void update(float& w, float g, float&, float&, const OptimizerConstants&,
                                const StepControl& c) {
    w -= c.learning_rate * g;
  }
};

struct Adagrad {
  static constexpr int kStates = 1;
  __device__ static void update(float& w, float g, float& s0, float&, const OptimizerConstants& k,
                                const StepControl& c) {
    s0 += g * g;
    w -= c.learning_rate * g / (sqrtf(s0) + k.epsilon);
  }
};

struct Adam {
  static constexpr int kStates = 2;
  __device__ static void update(float& w, float g, float& s0, float& s1, const OptimizerConstants& k,
                                const StepControl& c) {
    s0 = k.beta1 * s0 + (1 - k.beta1) * g;
    s1 = k.beta2 * s1 + (1 - k.beta2) * g * g;
    w -= c.learning_rate / c.bias_correction1 * s0 / (sqrtf(s1 / c.bias_correction2) + k.epsilon);
  }
};

// The gradient of the loss plus that of l2 * (sum of squares of weights).
__device__ inline float with_l2(float gradient, float weight, float l2) {
  return l2 == 0 ? gradient : gradient + 2 * l2 * weight;
}

// Four floats at i of a float array and its states, aligned to 16 bytes.
template <typename Rule>
__device__ void update_quad(float* weights, const float4& g, float* state0, float* state1, int64_t i,
                            float l2, const OptimizerConstants& k, const StepControl& c) {
  float4 w = *reinterpret_cast<float4*>(weights + i);
  float4 s0{}, s1{};
  if (Rule::kStates > 0) s0 = *reinterpret_cast<float4*>(state0 + i);
  if (Rule::kStates > 1) s1 = *reinterpret_cast<float4*>(state1 + i);
  Rule::update(w.x, with_l2(g.x, w.x, l2), s0.x, s1.x, k, c);
  Rule::update(w.y, with_l2(g.y, w.y, l2), s0.y, s1.y, k, c);
  Rule::update(w.z, with_l2(g.z, w.z, l2), s0.z, s1.z, k, c);
  Rule::update(w.w, with_l2(g.w, w.w, l2), s0.w, s1.w, k, c);
  *reinterpret_cast<float4*>(weights + i) = w;
  if (Rule::kStates > 0) *reinterpret_cast<float4*>(state0 + i) = s0;
  if (Rule::kStates > 1) *reinterpret_cast<float4*>(state1 + i) = s1;
}

template <typename Rule>
__device__ void update_one(float* weights, float g, float* state0, float* state1, int64_t i, float l2,
                           const OptimizerConstants& k, const StepControl& c) {
  float w = weights[i], s0 = 0, s1 = 0;
  if (Rule::kStates > 0) s0 = state0[i];
  if (Rule::kStates > 1) s1 = state1[i];
  Rule::update(w, with_l2(g, w, l2), s0, s1, k, c);
  weights[i] = w;
  if (Rule::kStates > 0) state0[i] = s0;
  if (Rule::kStates > 1) state1[i] = s1;
}

}  // namespace pss
