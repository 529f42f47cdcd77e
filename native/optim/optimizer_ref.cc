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

// One row of n floats; the squares are summed in sixteen interleaved parts so that compilers can vectorize
// it.
void update_row(float* weights, const float* gradient, float* accumulator, int64_t n,
                const OptimizerSpec& spec, const UpdateScalars& scalars) {
  constexpr int64_t kParts = 16;
  float parts[kParts] = {};
  int64_t i = 0;
  for (; i + kParts <= n; i += kParts) {
    for (int64_t k = 0; k < kParts; k++) parts[k] += gradient[i + k] * gradient[i + k];
  }
  for (int64_t k = 0; i + k < n; k++) parts[k] += gradient[i + k] * gradient[i + k];
  float squares = 0;
  for (const float part : parts) squares += part;
  *accumulator += squares / static_cast<float>(n);
  const float rate = scalars.learning_rate / (std::sqrt(*accumulator) + spec.epsilon);
  for (int64_t k = 0; k < n; k++) weights[k] -= rate * gradient[k];
}

}  // namespace

std::vector<std::string> optimizer_slots(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kSgd:
      return {};
    case OptimizerKind::kAdagrad:
    case OptimizerKind::kRowwiseAdagrad:
      return {"accumulator"};
    case OptimizerKind::kAdam:
      return {"moment1", "moment2"};
  }
  return {};
}

UpdateScalars update_scalars(const OptimizerSpec& spec, float learning_rate, int64_t step) {
  if (spec.kind != OptimizerKind::kAdam) return {learning_rate, 1, 1};
  const auto t = static_cast<double>(step);
  return {learning_rate, static_cast<float>(1 - std::pow(double{spec.beta1}, t)),
          static_cast<float>(1 - std::pow(double{spec.beta2}, t))};
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

void update_rows(float* weights, const float* gradient, float* accumulator, int64_t n, int64_t row_length,
                 const OptimizerSpec& spec, const UpdateScalars& scalars) {
  if (row_length == 1) return update_range_ref(weights, gradient, accumulator, nullptr, n, spec, scalars);
  for (int64_t i = 0; i < n; i += row_length) {
    update_row(weights + i, gradient + i, accumulator++, std::min(row_length, n - i), spec, scalars);
  }
}

void update_touched_rows(float* weights, float* gradient, float* accumulator, int64_t n, int64_t row_length,
                         const OptimizerSpec& spec, const UpdateScalars& scalars) {
  if (row_length == 1) return update_touched_ref(weights, gradient, accumulator, nullptr, n, spec, scalars);
  for (int64_t i = 0; i < n; i += row_length, accumulator++) {
    float* row = gradient + i;
    const int64_t length = std::min(row_length, n - i);
    if (std::all_of(row, row + length, untouched)) continue;
    // Floats of the row that nothing touched have gradient zero, as under a dense gradient.
    for (int64_t k = 0; k < length; k++) row[k] += 0.0f;
    update_row(weights + i, row, accumulator, length, spec, scalars);
    std::fill_n(row, length, kUntouched);
  }
}

void add_l2(float* gradient, const float* weights, int64_t n, float l2) {
  if (l2 == 0) return;
  for (int64_t i = 0; i < n; i++) gradient[i] += 2 * l2 * weights[i];
}

void add_l2_touched(float* gradient, const float* weights, int64_t n, float l2) {
  if (l2 == 0) return;
  for (int64_t i = 0; i < n; i++) {
    if (std::bit_cast<uint32_t>(gradient[i]) != std::bit_cast<uint32_t>(kUntouched)) {
      gradient[i] += 2 * l2 * weights[i];
    }
  }
}

}  // namespace pss
