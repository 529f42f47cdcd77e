// Random orders of rows.
#pragma once

#include <array>
#include <cstdint>

namespace pss {

// order[0..length) = a permutation of 0..length-1 (Fisher-Yates from the end), a function of (length, seed,
// stream). The place for the i-th swap is floor(u * left) with u = word i % 4 of Philox block (i / 4, stream)
// under the key `seed`, as a fraction of 2^32, so each place is hit with probability 1/left to within 2^-32.
void permutation(uint32_t* order, uint32_t length, uint64_t seed, const std::array<uint32_t, 3>& stream);

}  // namespace pss
