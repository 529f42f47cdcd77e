// Places buffers in one arena: two may share memory when their lives don't overlap.
#pragma once

#include <cstdint>
#include <vector>

namespace pss {

struct BufferRequest {
  int64_t floats;
  int first;  // first and last moment at which it holds something needed
  int last;
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // in floats, one for each request
  int64_t floats;                // of the arena
};

// First fit by decreasing size. Nothing is shared without `share`, nor with a `margin`, which is how many
// floats lie around every buffer.
MemoryPlan plan_memory(const std::vector<BufferRequest>& requests, int64_t margin, bool share);

}  // namespace pss
