// Fully connected layer: y = act(x * W^T + bias), act in {none, relu}.
//
//   forward   y[b, n] = act(sum_k x[b, k] * W[n, k] + bias[n])
//   backward  dz = act is relu ? dy * (y > 0) : dy          (in place)
//             dbias[n] = sum_b dz[b, n];  dW[n, k] = sum_b dz[b, n] * x[b, k];  dx[b, k] = sum_n dz[b, n] *
//             W[n, k]
// Under bf16 x, W and dz are rounded to bf16 where the products read them, products and sums are float32, and
// y and dx are rounded as they are stored, where their tensors are bf16; W itself, bias and their gradients
// are float32, and so is a layer of one output.
// The sums over b run in row order, or in fixed steps of it: same bits on any number of threads. Flops:
// 2*B*N*K each for y, dx and dW.
//
// An update follows the weight gradient at once, while both are in the cache, and so does the packing of the
// weights for the next step. Plain SGD subtracts the sums from the weights out of their registers.
#pragma once

#include "base/aligned_buffer.h"
#include "ops/cpu_op.h"
#include "ops/linear/linear_kernels.h"

namespace pss {

// The definition, straight from the formulas above, for rows [first, last). Matrices have rows of `ld`, of
// which K or N count.
void linear_forward_ref(const Matrix& y, const Matrix& x, const float* weights, int64_t w_ld,
                        const float* bias, bool relu, Precision precision, int64_t first, int64_t last,
                        int64_t K, int64_t N);
// Writes dz, and its column sums to dbias; y is null without ReLU.
void linear_mask_ref(const Matrix& dz, float* dbias, const Matrix& dy, const Matrix& y, int64_t first,
                     int64_t last, int64_t N);
void linear_dx_ref(const Matrix& dx, const Matrix& dz, const float* weights, int64_t w_ld,
                   Precision precision, int64_t first, int64_t last, int64_t K, int64_t N);
// Rows [first, last) of dW, over the whole batch.
void linear_dweight_ref(float* dweights, int64_t w_ld, const Matrix& dz, const Matrix& x, int64_t B,
                        int64_t K, int64_t first, int64_t last);

class Linear : public CpuOp {
 public:
  // `bias` may be null: then nothing is added.
  Linear(const OpContext& context, const Tensor* x, const Parameter* weight, const Parameter* bias, bool relu,
         Tensor* y);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void keep_rows(const Batch& batch, int64_t first, int64_t last) override;
  void backward_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t B) override;
  void run_task(Stage stage, int64_t B, int64_t task) override;
  int64_t task_cost(Stage) const override { return K_ * std::min(N_, kPanel); }
  bool updates_itself() const override { return true; }
  void step_task(int64_t B, int64_t task, const ParameterUpdate& update) override;
  void parameters_changed() override { packed_ = false; }
  const char* implementation() const override { return kernels_ ? isa_name(context_.isa) : "reference"; }

 private:
  const float* bias_values() const { return bias_ ? bias_->value : nullptr; }
  void one_output_forward(int64_t first, int64_t last);
  void one_output_backward(int64_t B, int64_t first, int64_t last);
  void bias_gradient(int64_t B, int64_t task);
  void step_weights(int64_t B, int64_t task, float rate);
  void pack(int64_t panel, int64_t column, int64_t columns);
  // Sums the blocks' shares [offset, offset + count) in their order.
  void sum_shares(float* out, int64_t B, int64_t offset, int64_t count) const;
  float* block_share(int64_t B, int64_t first) { return shares_.data() + first / row_block(B) * share_; }

  const Tensor* x_;
  const Parameter* weight_;
  const Parameter* bias_;  // may be null
  bool relu_;
  Tensor* y_;
  int64_t K_;  // padded to whole vectors; the weights' padding is zero
  int64_t N_;
  Precision precision_;                         // of the products
  const LinearKernels* kernels_;                // null for the reference
  Matrix input_;                                // x as the products read it
  Matrix masked_;                               // dz, likewise
  AlignedBuffer<Bf16> own_input_, own_masked_;  // where their tensors are of another format
  // Panels as LinearKernels has them, and the words from one to the next.
  int64_t forward_stride_ = 0, backward_stride_ = 0, batch_stride_ = 0;
  AlignedBuffer<uint32_t> forward_panels_, backward_panels_, x_panels_, dz_panels_;
  bool packed_ = false;
  int64_t share_;  // floats of a block's share of the bias gradient, and for N = 1 of the weight gradient
  AlignedBuffer<float> shares_;
};

}  // namespace pss
