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
// Every operation is rounded as written, without fused multiply-adds: all instruction sets give the same
// bits.
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

// What a sparse gradient holds where nothing was added. Sums never yield it: a first addend loses its sign by
// g + 0, and later sums that cancel give +0.
constexpr float kUntouched = -0.0f;

// The squares of a row are summed in so many interleaved parts, whose sums are added in order.
constexpr int64_t kRowParts = 16;

// The kernels of one instruction set.
struct OptimizerKernels {
  // Updates weights[0..n) from gradient[0..n). state0 and state1 shadow the weights (null where the kind has
  // none). kRowwiseAdagrad isn't elementwise and taken for adagrad: see update_rows.
  void (*update_range)(float* weights, const float* gradient, float* state0, float* state1, int64_t n,
                       const OptimizerSpec& spec, const UpdateScalars& scalars);
  // Like update_range, but only where gradient isn't kUntouched, which is left behind everywhere. All of
  // [0..n), weights and state too, may be written with what it holds.
  void (*update_touched)(float* weights, float* gradient, float* state0, float* state1, int64_t n,
                         const OptimizerSpec& spec, const UpdateScalars& scalars);
  // rowwise-adagrad of one row.
  void (*update_row)(float* weights, const float* gradient, float* accumulator, int64_t n,
                     const OptimizerSpec& spec, const UpdateScalars& scalars);
  // Whether any of gradient[0..n) isn't kUntouched.
  bool (*is_touched)(const float* gradient, int64_t n);
};
const OptimizerKernels& optimizer_kernels_ref();
const OptimizerKernels& optimizer_kernels_avx2();
const OptimizerKernels& optimizer_kernels_avx512();
const OptimizerKernels& optimizer_kernels(Isa isa);

// rowwise-adagrad over n floats in rows of `row_length`, of which the last may be short;
// accumulator[ceil(n / row_length)]. Rows of one float are adagrad.
void update_rows(const OptimizerKernels& kernels, float* weights, const float* gradient, float* accumulator,
                 int64_t n, int64_t row_length, const OptimizerSpec& spec, const UpdateScalars& scalars);
// Like update_rows, but only the rows of which a float was touched.
void update_touched_rows(const OptimizerKernels& kernels, float* weights, float* gradient, float* accumulator,
                         int64_t n, int64_t row_length, const OptimizerSpec& spec,
                         const UpdateScalars& scalars);

// gradient += 2 * l2 * weights, before an update; with l2 = 0 nothing is touched.
void add_l2(float* gradient, const float* weights, int64_t n, float l2);
// Like add_l2, but only where gradient isn't kUntouched.
void add_l2_touched(float* gradient, const float* weights, int64_t n, float l2);

}  // namespace pss
