// How a batch is cut into blocks of rows, the same for every op of a model.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/aligned_buffer.h"

namespace pss {

// Rows of a block of a batch of B: eight blocks keep a few threads busy; fewer than 64 rows don't fill a
// matrix product's kernels, and with more than 256 a block's activations leave the L2 cache.
inline int64_t row_block(int64_t B) {
  constexpr int64_t kBlocks = 8, kFewest = 64, kMost = 256;
  return std::clamp(pad_to_vector((B + kBlocks - 1) / kBlocks), kFewest, kMost);
}

}  // namespace pss
