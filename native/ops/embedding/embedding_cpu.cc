#include <algorithm>

#include "ops/embedding/embedding.h"

namespace pss {

namespace {

// Chunks shorter than a cache line aren't asked for ahead: with so many of them the processor overlaps the
// misses of the lookup itself better (measured, half the time for single floats).
constexpr int64_t kLeastAhead = 16;
// Chunks between the one that is asked for and the one that is copied, about what a core can wait for at
// once.
constexpr int64_t kChunksAhead = 24;
constexpr int64_t kLineFloats = 16;

void ask(const LookAhead& ahead) {
  for (int64_t k = 0; k < ahead.count; k++) {
    const float* chunk = ahead.memory + int64_t{ahead.starts[k]} * ahead.unit;
    for (int64_t s = 0; s < ahead.length; s += kLineFloats) __builtin_prefetch(chunk + s);
  }
}

}  // namespace

LookAhead look_ahead(const float* memory, const uint32_t* starts, const Addressing& addressing) {
  const int64_t length = std::min(addressing.Z, addressing.D);
  const int64_t count = starts && length >= kLeastAhead ? addressing.T * addressing.chunks : 0;
  return {memory, starts, count, addressing.unit, length};
}

Embedding::Embedding(const OpContext& context, const Addressing& addressing, const float* memory,
                     Tensor* slots)
    : CpuOp(context),
      addressing_(addressing),
      memory_(memory),
      slots_(slots),
      starts_(static_cast<size_t>(context.max_batch * addressing.T * addressing.chunks)) {}

void Embedding::forward_rows(const Batch& batch, int64_t first, int64_t last) {
  const bool wide = context_.isa >= Isa::kAvx512;
  const auto find_starts = wide ? compute_starts_avx512 : compute_starts;
  const auto gather = wide ? gather_sample_avx512 : gather_sample_ref;
  const int64_t row = addressing_.T * addressing_.chunks;
  find_starts(starts_.data(), batch.sparse, first, last, addressing_);
  if (!slots_->value) return;
  const int64_t samples_ahead = (kChunksAhead + row - 1) / row;
  for (int64_t b = first; b < last; b++) {
    const int64_t later = b + samples_ahead;
    if (later < last) ask(look_ahead(memory_, starts_.data() + later * row, addressing_));
    gather(slots_->value + b * slots_->ld, addressing_.D, memory_, starts_.data() + b * row, addressing_);
  }
}

}  // namespace pss
