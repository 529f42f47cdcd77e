#include "backend/cpu/row_block.h"

#include <sys/sysinfo.h>

#include <algorithm>

#include "base/aligned_buffer.h"

namespace pss {

namespace {

constexpr int64_t kFewestBlocks = 4, kFewestRows = 64, kMostRows = 512;

int64_t wanted_blocks() {
  static const int64_t blocks = std::max(kFewestBlocks, static_cast<int64_t>(get_nprocs_conf()));
  return blocks;
}

}  // namespace

int64_t row_block(int64_t B) {
  const int64_t blocks = wanted_blocks();
  return std::clamp(pad_to_vector((B + blocks - 1) / blocks), kFewestRows, kMostRows);
}

int64_t most_row_blocks(int64_t max_batch) {
  const int64_t of_most_rows = (max_batch + kMostRows - 1) / kMostRows;
  const int64_t of_fewest_rows = (max_batch + kFewestRows - 1) / kFewestRows;
  return std::max(of_most_rows, std::min(of_fewest_rows, wanted_blocks()));
}

}  // namespace pss
