// Fully connected layer: y = act(x * W^T + bias), act in {none, relu}.
//
//   forward   y[b, n] = act(sum_k x[b, k] * W[n, k] + bias[n])
//   backward  dz = act is relu ? dy * (y > 0) : dy          (in place)
//             dbias[n] = sum_b dz[b, n];  dW[n, k] = sum_b dz[b, n] * x[b, k];  dx[b, k] = sum_n dz[b, n] *
//             W[n, k]
// The sums over b run in row order, those of the products inside one oneDNN call: same bits on any number of
// threads. Flops: 2*B*N*K each for y, dx and dW.
#pragma once

#include <memory>

#include "backend/cpu/tiled_matmul.h"
#include "base/aligned_buffer.h"
#include "ops/op.h"

namespace pss {

// dz masked in place, its transpose written to dzt [pad(N), B] and its column sums to dbias, for columns
// [first, last) of dy (multiples of 16). `y` is null without ReLU.
void mask_and_transpose_ref(float* dy, float* dzt, float* dbias, const float* y, int64_t ld, int64_t B,
                            int64_t first, int64_t last);
void mask_and_transpose_avx512(float* dy, float* dzt, float* dbias, const float* y, int64_t ld, int64_t B,
                               int64_t first, int64_t last);

// One output (N = 1), where a matrix product would be all overhead. x rows are `ld` floats apart, padded with
// zeros to K (a multiple of 16).
void dot_rows_ref(float* y, const float* x, int64_t ld, const float* weights, float bias, int64_t B,
                  int64_t K);
void dot_rows_avx512(float* y, const float* x, int64_t ld, const float* weights, float bias, int64_t B,
                     int64_t K);
// dx[b, k] = dy[b] * weights[k] (dx may be null);  dweights[k] += dy[b] * x[b, k]
void outer_rows_ref(float* dx, float* dweights, const float* dy, const float* x, int64_t ld,
                    const float* weights, int64_t B, int64_t K);
void outer_rows_avx512(float* dx, float* dweights, const float* dy, const float* x, int64_t ld,
                       const float* weights, int64_t B, int64_t K);

// The definition, straight from the formulas above; x [B, K] with rows x_ld apart, and so on.
void linear_forward_ref(float* y, int64_t y_ld, const float* x, int64_t x_ld, const float* weights,
                        int64_t w_ld, const float* bias, int64_t B, int64_t K, int64_t N, bool relu);
void linear_backward_ref(float* dx, int64_t dx_ld, float* dweights, int64_t w_ld, const float* dz,
                         int64_t dz_ld, const float* x, int64_t x_ld, const float* weights, int64_t B,
                         int64_t K, int64_t N);

class Linear : public Op {
 public:
  Linear(const OpContext& context, const Tensor* x, const Parameter* weight, const Parameter* bias, bool relu,
         Tensor* y);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  void parameters_changed() override;
  const char* implementation() const override;

 private:
  void forward_one(int64_t B);
  void backward_one(int64_t B);
  OpContext context_;
  const Tensor* x_;
  const Parameter* weight_;
  const Parameter* bias_;
  bool relu_;
  Tensor* y_;
  int64_t K_;  // padded to whole vectors; the weights' padding is zero
  int64_t N_;
  std::unique_ptr<TiledMatmul> forward_, dx_, dweight_;
  AlignedBuffer<float> dzt_;       // [pad(N), B]
  AlignedBuffer<float> partials_;  // N = 1: weight gradients of each block of rows
};

}  // namespace pss
