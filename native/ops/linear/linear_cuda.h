// Fully connected layer on a GPU: the contract of linear.h. Sums run in an order fixed by the shapes.
//
// Where the layer's input is another layer's output, the product that gives dx also masks it by that layer's
// ReLU and sums it into that layer's bias gradient: the tensor's gradient is then dz rather than dy from the
// start.
//
// With bfloat16 products, x, the weights and dz are read as bfloat16: hidden tensors hold nothing else
// (Tensor::bf16); what comes from or goes to other ops in float32 is rounded here. The weights' copy is made
// by whoever changes them.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "backend/cuda/gemm.h"
#include "backend/cuda/partial_sums.h"
#include "ops/linear/linear_kernel.h"
#include "ops/op.h"

namespace pss {

class LinearCuda : public Op {
 public:
  // `bias` may be null: then nothing is added.
  LinearCuda(const CudaOpContext& context, const Tensor* x, const Parameter* weight, const Parameter* bias,
             bool relu, Tensor* y);
  // `producer` makes this layer's input, which only this layer reads: finish its gradient along with dx.
  void finish_gradient_of(LinearCuda* producer);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  void parameters_changed() override;
  // Where updates must leave the weights' bfloat16 copy, laid out like the weights; null where none is
  // needed.
  Bf16* rounded_weight() const { return rounded_weight_.as<Bf16>(); }
  const char* implementation() const override;

 private:
  void forward_one(int32_t B);
  void backward_one(int32_t B);
  // Masks dy and leaves the parts of dbias.
  void mask_and_sum(int32_t B);
  void input_gradient(int32_t B);
  void weight_gradient(int32_t B);
  // How the blocks' parts become the bias gradient; nothing without a bias.
  PartialSum bias_sum(int64_t ld, int32_t parts) const;
  void round(Bf16* out, const float* in, int64_t count);
  // What products read.
  const void* product_weight() const { return bf16_ ? rounded_weight_.data() : weight_->value; }
  const void* product_x() const;
  const void* product_dz() const;

  CudaOpContext context_;
  const Tensor* x_;
  const Parameter* weight_;
  const Parameter* bias_;
  bool relu_;
  Tensor* y_;
  int32_t K_, N_;
  bool bf16_;  // products take bfloat16
  CudaFunctionHandle dot_rows_, outer_rows_, mask_and_sum_, round_rows_;
  PartialSums sums_;
  CudaGemm forward_, dx_, dw_;
  LinearCuda* producer_ = nullptr;  // whose gradient this layer finishes
  bool finished_by_consumer_ = false;
  CudaMemory bias_parts_;  // [bias_part_count_, bias_parts_ld_]
  int64_t bias_parts_ld_;
  int32_t bias_part_count_ = 0;                         // of the step that is being queued
  CudaMemory rounded_x_, rounded_weight_, rounded_dz_;  // bfloat16 copies, where needed
  CudaMemory weight_parts_;  // N = 1: [blocks of rows, ld]; otherwise the splits of dW
};

}  // namespace pss
