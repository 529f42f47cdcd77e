#include "optim/optimizer.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace pss {

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

const OptimizerKernels& optimizer_kernels(Isa isa) {
  if (isa >= Isa::kAvx512) return optimizer_kernels_avx512();
  return isa == Isa::kAvx2 ? optimizer_kernels_avx2() : optimizer_kernels_ref();
}

void update_rows(const OptimizerKernels& kernels, float* weights, const float* gradient, float* accumulator,
                 int64_t n, int64_t row_length, const OptimizerSpec& spec, const UpdateScalars& scalars) {
  if (row_length == 1) return kernels.update_range(weights, gradient, accumulator, nullptr, n, spec, scalars);
  for (int64_t i = 0; i < n; i += row_length) {
    kernels.update_row(weights + i, gradient + i, accumulator++, std::min(row_length, n - i), spec, scalars);
  }
}

void update_touched_rows(const OptimizerKernels& kernels, float* weights, float* gradient, float* accumulator,
                         int64_t n, int64_t row_length, const OptimizerSpec& spec,
                         const UpdateScalars& scalars) {
  if (row_length == 1)
    return kernels.update_touched(weights, gradient, accumulator, nullptr, n, spec, scalars);
  for (int64_t i = 0; i < n; i += row_length, accumulator++) {
    float* row = gradient + i;
    const int64_t length = std::min(row_length, n - i);
    if (!kernels.is_touched(row, length)) continue;
    // Floats of the row that nothing touched have gradient zero, as under a dense gradient.
    for (int64_t k = 0; k < length; k++) row[k] += 0.0f;
    kernels.update_row(weights + i, row, accumulator, length, spec, scalars);
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
