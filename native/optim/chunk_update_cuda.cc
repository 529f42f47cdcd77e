#include "optim/chunk_update_cuda.h"

namespace pss {

ChunkUpdateCuda::ChunkUpdateCuda(const CudaOpContext& context, const Addressing& addressing,
                                 const OptimizerSpec& spec, bool dense)
    : context_(context), addressing_(addressing), spec_(spec), dense_(dense) {}

void ChunkUpdateCuda::apply(float*, float*, float*, const uint32_t*, const float*, int64_t, int64_t) {}

}  // namespace pss
