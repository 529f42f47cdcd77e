#include "ops/embedding/embedding_cuda.h"

#include "backend/cuda/launch.h"
#include "ops/embedding/embedding_kernel.h"

namespace pss {

EmbeddingCuda::EmbeddingCuda(const CudaOpContext& context, const Addressing& addressing, const float* memory,
                             Tensor* slots)
    : context_(context),
      addressing_(context, addressing),
      memory_(memory),
      slots_(slots),
      quads_(addressing_.quads(slots->ld)),
      kernel_(context.device->kernel("embedding_kernel", quads_ ? "lookup_quads" : "lookup_floats")) {}

void EmbeddingCuda::forward(const Batch& batch) {
  if (!slots_->value) return;
  const LookupArguments arguments{slots_->value, memory_,
                                  addressing_.list(batch.sparse, batch.B, slots_->ld, quads_ ? 4 : 1)};
  launch(kernel_, {.grid_x = blocks_for(arguments.chunks.count, kLookupThreads), .threads = kLookupThreads},
         *context_.stream, arguments);
}

}  // namespace pss
