// Matrix products of float32 or bfloat16 (context.bf16) on a GPU: by the project's own kernels (gemm_body.cuh
// says how), or by cuBLASLt where that serves (cublaslt.h says when).
#pragma once

#include "backend/cuda/cublaslt.h"
#include "backend/cuda/cuda_context.h"
#include "backend/cuda/gemm_kernel.h"

namespace pss {

// What becomes of a product: an epilogue of GemmArguments, nothing, or nothing and it may come in parts.
enum class GemmEnd { kEpilogue, kPlain, kPlainInParts };

// Whether cuBLASLt's plain products are the faster ones. From compute capability 8.0 on, three TF32 products
// beat the multiply-adds that are its float32; before, it has neither TF32 nor bfloat16.
inline bool prefers_cublaslt(bool rounds_inputs, int compute_capability) {
  return rounds_inputs == (compute_capability >= 80);
}

class CudaGemm {
 public:
  // For products with C of at most [max_m, n]; loads the kernels they will need.
  CudaGemm(const CudaOpContext& context, GemmLayout layout, int64_t max_m, int64_t n);

  // How a product will be cut, from its sizes alone, so that its bits are the same on every GPU.
  struct Plan {
    bool library;         // cuBLASLt's, whole
    bool large;           // 128x128 tiles, otherwise 64x64
    unsigned row_blocks;  // tiles across m: rows of column_sums
    unsigned splits;      // parts of k
    int32_t k_per_split;
  };
  // Reads the sizes and leading dimensions. With kPlainInParts, a long sum over few tiles may be cut into
  // parts, which the caller adds in order.
  Plan plan(const GemmArguments& arguments, GemmEnd end) const;

  // No plan for this m and n and at most `max_k` has more splits.
  unsigned most_splits(int64_t m, int64_t n, int64_t max_k) const;

  // Queues the product; k_per_split is taken from the plan.
  void run(GemmArguments arguments, const Plan& plan) const;

  // Whether plain products go to cuBLASLt, where it has an algorithm for them.
  bool prefers_library() const { return prefers_library_; }

 private:
  bool takes_large(int64_t m, int64_t n) const;
  CudaOpContext context_;
  GemmLayout layout_;
  GemmElement element_;
  bool may_be_large_, prefers_library_;
  CudaFunctionHandle small_ = nullptr, large_ = nullptr;
};

}  // namespace pss
