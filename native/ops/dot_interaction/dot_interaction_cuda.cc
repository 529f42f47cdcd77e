#include "ops/dot_interaction/dot_interaction_cuda.h"

namespace pss {

DotInteractionCuda::DotInteractionCuda(const CudaOpContext& context, const Tensor* bottom,
                                       const Tensor* slots, const EmbeddingCuda* fused, Tensor* out)
    : context_(context), bottom_(bottom), slots_(slots), fused_(fused), out_(out) {
  throw Error("ERR_CUDA", "The dot interaction has no CUDA kernels in this build; use device: cpu.");
}

void DotInteractionCuda::forward(const Batch&) {}
void DotInteractionCuda::backward(const Batch&) {}

}  // namespace pss
