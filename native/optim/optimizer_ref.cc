#include <algorithm>
#include <bit>
#include <cmath>

#include "optim/optimizer.h"

namespace pss {

namespace {

bool untouched(float gradient) {
  return std::bit_cast<uint32_t>(gradient) == std::bit_cast<uint32_t>(kUntouched);
}

void update_float(float& weight, float g, float* state0, float* state1, const OptimizerSpec& spec,
                  const UpdateScalars& scalars) {
  switch (spec.kind) {
    case OptimizerKind::kSgd:
      weight -= scalars.learning_rate * g;
      return;
    case OptimizerKind::kAdagrad:
    case OptimizerKind::kRowwiseAdagrad:
      *state0 += g * g;
      weight -= scalars.learning_rate * g / (std::sqrt(*state0) + spec.epsilon);
      return;
    case OptimizerKind::kAdam:
      *state0 = spec.beta1 * *state0 + (1 - spec.beta1) * g;
      *state1 = spec.beta2 * *state1 + (1 - spec.beta2) * g * g;
      weight -= scalars.learning_rate / scalars.bias_correction1 * *state0 /
                (std::sqrt(*state1 / scalars.bias_correction2) + spec.epsilon);
      return;
  }
}

void update_row_ref(float* weights, const float* gradient, float* accumulator, int64_t n,
                    const OptimizerSpec& spec, const UpdateScalars& scalars) {
  float parts[kRowParts] = {};
  int64_t i = 0;
  for (; i + kRowParts <= n; i += kRowParts) {
    for (int64_t k = 0; k < kRowParts; k++) parts[k] += gradient[i + k] * gradient[i + k];
  }
  for (int64_t k = 0; i + k < n; k++) parts[k] += gradient[i + k] * gradient[i + k];
  float squares = 0;
  for (const float part : parts) squares += part;
  *accumulator += squares / static_cast<float>(n);
  const float rate = scalars.learning_rate / (std::sqrt(*accumulator) + spec.epsilon);
  for (int64_t k = 0; k < n; k++) weights[k] -= rate * gradient[k];
}

void update_range_ref(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                      const OptimizerSpec& spec, const UpdateScalars& scalars) {
  for (int64_t i = 0; i < n; i++) {
    update_float(weights[i], gradient[i], state0 ? state0 + i : nullptr, state1 ? state1 + i : nullptr, spec,
                 scalars);
  }
}

void update_touched_ref(float* weights, float* gradient, float* state0, float* state1, int64_t n,
                        const OptimizerSpec& spec, const UpdateScalars& scalars) {
  for (int64_t i = 0; i < n; i++) {
    if (untouched(gradient[i])) continue;
    update_float(weights[i], gradient[i], state0 ? state0 + i : nullptr, state1 ? state1 + i : nullptr, spec,
                 scalars);
    gradient[i] = kUntouched;
  }
}

bool is_touched_ref(const float* gradient, int64_t n) {
  return !std::all_of(gradient, gradient + n, untouched);
}

}  // namespace

const OptimizerKernels& optimizer_kernels_ref() {
  static constexpr OptimizerKernels kernels{update_range_ref, update_touched_ref, update_row_ref,
                                            is_touched_ref};
  return kernels;
}

}  // namespace pss
