#include "backend/cpu/row_block.h"

#include <sys/sysinfo.h>

#include <algorithm>

#include "base/aligned_buffer.h"

namespace pss {

int64_t row_block(int64_t B) {
  constexpr int64_t kFewestBlocks = 4, kFewestRows = 64, kMostRows = 512;
  static const int64_t blocks = std::max(kFewestBlocks, static_cast<int64_t>(get_nprocs_conf()));
  return std::clamp(pad_to_vector((B + blocks - 1) / blocks), kFewestRows, kMostRows);
}

}  // namespace pss
