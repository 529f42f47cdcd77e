// Optimizers. One call updates a contiguous range of floats, so that the same kernels serve whole tensors and
// ranges of M.
//
//   sgd              w -= lr*g
//   adagrad          a += g*g;  w -= lr * g / (sqrt(a) + epsilon) (PyTorch's, without decay) rowwise-adagrad
//   a_row += mean(g*g over the row);  w -= lr * g / (sqrt(a_row) + epsilon)           (FBGEMM's; dense
//   tensors use adagrad) adam             m = b1*m + (1-b1)*g;  v = b2*v + (1-b2)*g*g;
//                    w -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)                    (Kingma
//                    & Ba; t from 1)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cpu_features.h"

namespace pss {

enum class OptimizerKind { kSgd, kAdagrad, kRowwiseAdagrad, kAdam };

struct OptimizerSpec {
  OptimizerKind kind = OptimizerKind::kSgd;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float initial_accumulator = 0;
};

// Names of the state tensors that shadow a parameter, in slot order: {} | {accumulator} | {moment1, moment2}.
std::vector<std::string> optimizer_slots(OptimizerKind kind);

// One step's constants.
struct UpdateScalars {
  float learning_rate;
  float bias_correction1;  // 1 - beta1^t, 1 where unused
  float bias_correction2;
};
UpdateScalars update_scalars(const OptimizerSpec& spec, float learning_rate, int64_t step);

// Updates weights[0..n) from gradient[0..n). state0 and state1 shadow the weights (null where the kind has
// none). kRowwiseAdagrad isn't elementwise: see update_rows.
void update_range_ref(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                      const OptimizerSpec& spec, const UpdateScalars& scalars);
void update_range_avx512(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                         const OptimizerSpec& spec, const UpdateScalars& scalars);
// rowwise-adagrad over `rows` rows of `row_length` floats; accumulator[rows].
void update_rows(float* weights, const float* gradient, float* accumulator, int64_t rows, int64_t row_length,
                 const OptimizerSpec& spec, const UpdateScalars& scalars);

}  // namespace pss
