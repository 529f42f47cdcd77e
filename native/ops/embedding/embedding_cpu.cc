#include <algorithm>

#include "ops/embedding/embedding.h"

namespace pss {

namespace {

// Chunks shorter than a cache line aren't asked for ahead: with so many of them the processor overlaps the
// misses of the lookup itself better (measured, half the time for single floats).
constexpr int64_t kLeastAhead = 16;

}  // namespace

LookAhead look_ahead(const float* memory, const uint32_t* starts, const Addressing& addressing) {
  const int64_t length = std::min(addressing.Z, addressing.D);
  const int64_t count = starts && length >= kLeastAhead ? addressing.T * addressing.chunks : 0;
  return {memory, starts, count, addressing.unit, length};
}

LookupKernels lookup_kernels(Isa isa) {
  if (isa >= Isa::kAvx512) return {compute_starts_avx512, gather_sample_avx512};
  if (isa == Isa::kAvx2) return {compute_starts_avx2, gather_sample_avx2};
  return {compute_starts, gather_sample_ref};
}

Embedding::Embedding(const OpContext& context, const Addressing& addressing, const float* memory,
                     Tensor* slots)
    : CpuOp(context),
      addressing_(addressing),
      memory_(memory),
      slots_(slots),
      starts_(static_cast<size_t>(context.max_batch * addressing.T * addressing.chunks)) {}

void Embedding::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  const auto [find_starts, gather] = lookup_kernels(context_.isa);
  const int64_t row = addressing_.T * addressing_.chunks;
  find_starts(starts_.data(), batch.sparse, first, last, addressing_);
  if (!slots_->value) return;
  for (int64_t b = first; b < last; b++) {
    gather(slots_->value + b * slots_->ld, addressing_.D, memory_, starts_.data() + b * row, addressing_);
  }
}

}  // namespace pss
