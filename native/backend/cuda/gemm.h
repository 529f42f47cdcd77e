// Matrix products of float32 or bfloat16 (context.bf16) on a GPU, by the project's own kernels: gemm_body.cuh says how.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "backend/cuda/gemm_kernel.h"

namespace pss {

// Which dimension of the operands lies contiguously: k in both, k in A alone, k in neither.
enum class GemmLayout { kKContiguous, kKContiguousInA, kKStrided };

class CudaGemm {
 public:
  // For products with C of at most [max_m, n]; loads the kernels they will need.
  CudaGemm(const CudaOpContext& context, GemmLayout layout, int64_t max_m, int64_t n);

  // How a product will be cut, from its sizes alone, so that its bits are the same on every GPU.
  struct Plan {
    bool large;           // 128x128 tiles, otherwise 64x64
    unsigned row_blocks;  // tiles across m: rows of column_sums
    unsigned splits;      // parts of k
    int32_t k_per_split;
  };
  // With `may_split`, a long sum over few tiles is cut into parts, which the caller adds in order; there is
  // no epilogue then.
  Plan plan(int64_t m, int64_t n, int64_t k, bool may_split) const;

  // No plan for this m and n and at most `max_k` has more splits.
  unsigned most_splits(int64_t m, int64_t n, int64_t max_k) const;

  // Queues the product; k_per_split is taken from the plan.
  void run(GemmArguments arguments, const Plan& plan) const;

 private:
  bool takes_large(int64_t m, int64_t n) const;
  CudaOpContext context_;
  bool may_be_large_;
  CudaFunctionHandle small_ = nullptr, large_ = nullptr;
};

}  // namespace pss
