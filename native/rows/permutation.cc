#include "rows/permutation.h"

#include <numeric>
#include <utility>

#include "base/philox.h"

namespace pss {

void permutation(uint32_t* order, uint32_t length, uint64_t seed, const std::array<uint32_t, 3>& stream) {
  std::iota(order, order + length, 0u);
  const uint64_t high = stream[1] | uint64_t{stream[2]} << 32;
  PhiloxBlock words{};
  for (uint32_t left = length, drawn = 0; left > 1; left--, drawn++) {
    if (drawn % 4 == 0) words = philox(seed, drawn / 4 | uint64_t{stream[0]} << 32, high);
    const auto chosen = static_cast<uint32_t>(words[drawn % 4] * 0x1p-32 * left);
    std::swap(order[left - 1], order[chosen]);
  }
}

}  // namespace pss
