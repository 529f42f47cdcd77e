#include "ops/embedding/embedding_cuda.h"

namespace pss {

EmbeddingCuda::EmbeddingCuda(const CudaOpContext& context, const Addressing& addressing, const float* memory,
                             Tensor* slots)
    : context_(context), addressing_(addressing), memory_(memory), slots_(slots) {
  throw Error("ERR_CUDA", "Embeddings have no CUDA kernels in this build; use device: cpu.");
}

void EmbeddingCuda::forward(const Batch&) {}

}  // namespace pss
