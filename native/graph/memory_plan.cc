#include "graph/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "base/aligned_buffer.h"

namespace pss {

MemoryPlan plan_memory(const std::vector<BufferRequest>& requests, int64_t margin, bool share) {
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return requests[a].floats > requests[b].floats; });
  MemoryPlan plan{std::vector<int64_t>(requests.size(), 0), 0};
  std::vector<size_t> placed;
  for (const size_t index : order) {
    const BufferRequest& request = requests[index];
    const int64_t floats = pad_to_vector(request.floats);
    std::vector<std::pair<int64_t, int64_t>> taken;
    for (const size_t other : placed) {
      const BufferRequest& o = requests[other];
      if (share && margin == 0 && (o.last < request.first || request.last < o.first)) continue;
      taken.emplace_back(plan.offsets[other], plan.offsets[other] + pad_to_vector(o.floats));
    }
    std::sort(taken.begin(), taken.end());
    int64_t offset = margin;
    for (const auto& [start, end] : taken) {
      if (offset + floats + margin <= start) break;
      offset = std::max(offset, end + margin);
    }
    plan.offsets[index] = offset;
    plan.floats = std::max(plan.floats, offset + floats + margin);
    placed.push_back(index);
  }
  return plan;
}

}  // namespace pss
