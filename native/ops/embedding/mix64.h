// The hash family mix64 for one chunk at a time: addressing.h defines it.
#pragma once

#include <cstdint>

#include "base/host_device.h"

namespace pss {

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;

PSS_HOST_DEVICE inline uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

PSS_HOST_DEVICE inline uint64_t mix64_table_key(uint64_t seed, int64_t column) {
  return mix64(seed + (static_cast<uint64_t>(column) + 1) * kGolden);
}

// h(t, id, c), of the table with this key.
PSS_HOST_DEVICE inline uint64_t mix64_hash(uint64_t table_key, uint32_t id, int64_t chunk) {
  return mix64(mix64(table_key ^ id) + (static_cast<uint64_t>(chunk) + 1) * kGolden);
}

// floor(h * range / 2^64)
PSS_HOST_DEVICE inline uint32_t multiply_high(uint64_t h, uint64_t range) {
  return static_cast<uint32_t>((static_cast<unsigned __int128>(h) * range) >> 64);
}

}  // namespace pss
