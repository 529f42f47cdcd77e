// Optimizers. One call updates a contiguous range of floats, so that the same kernels serve whole tensors and
// ranges of M.
//
//   sgd              w -= lr*g
//   adagrad          a += g*g;  w -= lr*g / (sqrt(a) + epsilon)                      (PyTorch's, without
//   decay) rowwise-adagrad  a_row += mean(g*g over the row);  w -= lr / (sqrt(a_row) + epsilon) * g
//                    (FBGEMM's; dense tensors use adagrad)
//   adam             m = b1*m + (1-b1)*g;  v = b2*v + (1-b2)*g*g;                    (Kingma & Ba; t from 1)
//                    w -= lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + epsilon)
//
// Every operation is rounded as written, without fused multiply-adds: the reference and the AVX-512 version
// give the same bits.
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
  float l2 = 0;  // of the parameter at hand: its gradient is the loss's plus 2 * l2 * weight, see add_l2
};
UpdateScalars update_scalars(const OptimizerSpec& spec, float learning_rate, int64_t step);

// Updates weights[0..n) from gradient[0..n). state0 and state1 shadow the weights (null where the kind has
// none). kRowwiseAdagrad isn't elementwise: see update_rows.
void update_range_ref(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                      const OptimizerSpec& spec, const UpdateScalars& scalars);
void update_range_avx512(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                         const OptimizerSpec& spec, const UpdateScalars& scalars);

// gradient += 2 * l2 * weights, before an update; with l2 = 0 nothing is touched.
void add_l2(float* gradient, const float* weights, int64_t n, float l2);

// rowwise-adagrad over n floats in rows of `row_length`, of which the last may be short;
// accumulator[ceil(n / row_length)]. Rows of one float are adagrad.
void update_rows(float* weights, const float* gradient, float* accumulator, int64_t n, int64_t row_length,
                 const OptimizerSpec& spec, const UpdateScalars& scalars);

// What a sparse gradient holds where nothing was added. Sums never yield it: a first addend loses its sign by
// g + 0, and later sums that cancel give +0.
constexpr float kUntouched = -0.0f;

// Like update_range, but only where gradient isn't kUntouched, which is left behind everywhere.
void update_touched_ref(float* weights, float* gradient, float* state0, float* state1, int64_t n,
                        const OptimizerSpec& spec, const UpdateScalars& scalars);
void update_touched_avx512(float* weights, float* gradient, float* state0, float* state1, int64_t n,
                           const OptimizerSpec& spec, const UpdateScalars& scalars);
// Like add_l2, but only where gradient isn't kUntouched.
void add_l2_touched(float* gradient, const float* weights, int64_t n, float l2);

// Like update_rows, but only the rows of which a float was touched.
void update_touched_rows(float* weights, float* gradient, float* accumulator, int64_t n, int64_t row_length,
                         const OptimizerSpec& spec, const UpdateScalars& scalars);

}  // namespace pss
