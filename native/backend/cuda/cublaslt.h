// NVIDIA's library of matrix products, loaded at run time where it is installed: nothing of it is linked, and
// its headers aren't needed.
//
// Looked for as libcublasLt.so.13, .12 and .11; PSS_CUBLASLT names another file, or `off` for none. It serves
// products that need nothing more than the product: its ReLU doesn't say what becomes of NaN, which must
// reach the loss, and its bias gradients come in bfloat16. A result is the same bits every time on one GPU
// model and library version: one stream, a fixed choice of algorithm by sizes alone, and no reduction in
// place.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "backend/cuda/cuda_resources.h"
#include "backend/cuda/gemm_kernel.h"

namespace pss {

// Which dimension of the operands lies contiguously: k in both, k in A alone, k in neither.
enum class GemmLayout { kKContiguous, kKContiguousInA, kKStrided };
enum class GemmElement { kF32, kTf32, kBf16 };  // of A and B

class CublasLt {
 public:
  // The library on the calling thread's context, or null where there is none or it doesn't start. Throws
  // ERR_CUDA when the file that PSS_CUBLASLT names can't be loaded. Work goes to `stream`.
  static std::unique_ptr<CublasLt> open(const CudaStream& stream);
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  // Whether it has an algorithm for a product of this layout, elements, sizes and leading dimensions.
  bool can_multiply(GemmLayout layout, GemmElement element, const GemmArguments& arguments);
  // Queues a product for which can_multiply has said yes; epilogues are ignored.
  void multiply(GemmLayout layout, GemmElement element, const GemmArguments& arguments);

 private:
  struct Table;
  struct Product;
  using Key =
      std::tuple<GemmLayout, GemmElement, int32_t, int32_t, int32_t, int64_t, int64_t, int64_t, int32_t>;
  CublasLt(const Table* table, void* handle, const CudaStream& stream);
  static const Table* table();
  const Product* find(GemmLayout layout, GemmElement element, const GemmArguments& arguments);
  std::unique_ptr<Product> make(GemmLayout layout, GemmElement element, const GemmArguments& arguments) const;

  const Table* table_;
  void* handle_;
  const CudaStream& stream_;
  CudaMemory workspace_;
  std::map<Key, std::unique_ptr<Product>> products_;  // null: no algorithm
};

}  // namespace pss
