#include "ops/block_shares.h"

#include <algorithm>

#include "backend/cpu/row_block.h"

namespace pss {

namespace {
constexpr int64_t kTaskFloats = 1 << 14;
}  // namespace

BlockShares::BlockShares(const OpContext& context, std::vector<const Parameter*> parameters)
    : parameters_(std::move(parameters)) {
  for (const Parameter* parameter : parameters_) {
    offsets_.push_back(floats_);
    floats_ += pad_to_vector(parameter->stored());
  }
  if (!context.training) return;
  shares_ = AlignedBuffer<float>(static_cast<size_t>(most_row_blocks(context.max_batch) * floats_));
}

float* BlockShares::clear(int64_t B, int64_t first) {
  float* share = shares_.data() + first / row_block(B) * floats_;
  std::fill_n(share, floats_, 0.0f);
  return share;
}

int64_t BlockShares::tasks() const {
  return (floats_ + kTaskFloats - 1) / kTaskFloats;
}

void BlockShares::run_task(int64_t B, int64_t task) const {
  const int64_t begin = task * kTaskFloats, end = std::min(floats_, begin + kTaskFloats);
  for (size_t p = 0; p < parameters_.size(); p++) {
    const int64_t from = std::max(begin, offsets_[p]);
    const int64_t to = std::min(end, offsets_[p] + parameters_[p]->stored());
    if (from >= to) continue;
    float* __restrict sum = parameters_[p]->gradient + (from - offsets_[p]);
    std::fill(sum, sum + (to - from), 0.0f);
    for (int64_t block = 0; block * row_block(B) < B; block++) {
      const float* __restrict share = shares_.data() + block * floats_ + from;
      for (int64_t i = 0; i < to - from; i++) sum[i] += share[i];
    }
  }
}

}  // namespace pss
