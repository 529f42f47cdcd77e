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
#include "ops/cpu_op.h"

namespace pss {

// Rows [first, last) of dy become dz, in place; their transpose goes to dzt [ld, B], their column sums to
// dbias[ld]. `y` is null without ReLU.
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

// A first layer with few inputs (K padded to one vector, nothing learns below): rows [first, last) give
// dweights[ld, 16] and dbias[ld] their share directly, which saves the transpose and a product that is all
// traffic. dy is left as it is.
void narrow_gradients_avx512(float* dweights, float* dbias, const float* dy, const float* y, int64_t ld,
                             const float* x, int64_t first, int64_t last);

// The definition, straight from the formulas above; x [B, K] with rows x_ld apart, and so on.
void linear_forward_ref(float* y, int64_t y_ld, const float* x, int64_t x_ld, const float* weights,
                        int64_t w_ld, const float* bias, int64_t B, int64_t K, int64_t N, bool relu);
void linear_dx_ref(float* dx, int64_t dx_ld, const float* dz, int64_t dz_ld, const float* weights,
                   int64_t w_ld, int64_t B, int64_t K, int64_t N);
// Rows [first, last) of dW, over the whole batch.
void linear_dweight_ref(float* dweights, int64_t w_ld, const float* dz, int64_t dz_ld, const float* x,
                        int64_t x_ld, int64_t B, int64_t K, int64_t first, int64_t last);

class Linear : public CpuOp {
 public:
  // `bias` may be null: then nothing is added.
  Linear(const OpContext& context, const Tensor* x, const Parameter* weight, const Parameter* bias, bool relu,
         Tensor* y);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void prepare_training(int64_t B) override;
  void keep_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t B) override;
  void run_task(Stage stage, int64_t B, int64_t task) override;
  int64_t task_cost(Stage) const override { return K_ * N_; }
  void parameters_changed() override { packed_for_ = 0; }
  const char* implementation() const override;

 private:
  void forward_rows_one(int64_t first, int64_t last);
  void backward_rows_one(int64_t B, int64_t first, int64_t last);
  // Sums the blocks' shares of the bias gradient, and for N = 1 and narrow layers of the weight gradient.
  void reduce_blocks(int64_t B);
  float* block_share(int64_t B, int64_t first) { return shares_.data() + first / row_block(B) * share_; }

  const Tensor* x_;
  const Parameter* weight_;
  const Parameter* bias_;
  bool relu_;
  bool narrow_;  // see narrow_gradients_avx512
  Tensor* y_;
  int64_t K_;  // padded to whole vectors; the weights' padding is zero
  int64_t N_;
  std::unique_ptr<TiledMatmul> forward_, dx_, dweight_;  // none for the reference, and for N = 1
  int64_t packed_for_ = 0;    // batch size for which the weights are packed as they are now
  AlignedBuffer<float> dzt_;  // [ld, B]
  int64_t share_;             // floats of a block's share
  AlignedBuffer<float> shares_;
};

}  // namespace pss
