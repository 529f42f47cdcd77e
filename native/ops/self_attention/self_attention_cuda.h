// Self-attention on a GPU: the contract of self_attention.h. The products with the weights are matrix
// products of all slots of a batch; with bfloat16 asked for, they take TF32.
#pragma once

#include "backend/cuda/gemm.h"
#include "backend/cuda/partial_sums.h"
#include "ops/self_attention/self_attention.h"
#include "ops/self_attention/self_attention_kernel.h"

namespace pss {

class SelfAttentionCuda : public Op {
 public:
  // Parameters: query, key, value, residual. Throws ERR_GRAPH where a head is larger than a block's shared
  // memory.
  SelfAttentionCuda(const CudaOpContext& context, const Tensor* slots,
                    std::vector<const Parameter*> parameters, int64_t heads, Tensor* out);
  void forward(const Batch& batch) override;
  void backward(const Batch& batch) override;
  const char* implementation() const override { return context_.tf32 ? "cuda-mma-tf32" : "cuda-mma"; }

 private:
  AttentionPackArguments packing(float* slots) const;
  void project(const float* matrix, int64_t samples);
  void weight_gradient(const float* matrix, int32_t rows);
  void input_gradient(float* matrix, int32_t rows);
  // The slots of all samples as one matrix, and what lies between its rows.
  bool packs() const { return packed_.bytes() > 0; }

  CudaOpContext context_;
  const Tensor* slots_;
  std::vector<const Parameter*> parameters_;
  Tensor* out_;
  AttentionShape shape_;
  int64_t weight_ld_;  // of every parameter
  int64_t matrix_ld_;
  int64_t samples_;  // at once
  CudaGemm project_, input_gradient_, weight_gradient_;
  CudaFunctionHandle forward_, backward_, pack_, unpack_, join_;
  PartialSums sums_;
  CudaMemory projected_;  // [samples_*F, 4A]
  CudaMemory joined_;     // [4A, weight_ld_]
  CudaMemory packed_;     // [samples_*F, matrix_ld_]: slots, then their gradient; none where slots are packed
  CudaMemory parts_;      // of [4A, weight_ld_]: the joined weights' gradient
};

}  // namespace pss
