// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter-based
// generator, so a value depends on (key, counter) and on nothing else.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/host_device.h"

namespace pss {

using PhiloxBlock = std::array<uint32_t, 4>;

PSS_HOST_DEVICE inline PhiloxBlock philox(uint64_t key, uint64_t counter_low, uint64_t counter_high = 0) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  PhiloxBlock c = {static_cast<uint32_t>(counter_low), static_cast<uint32_t>(counter_low >> 32),
                   static_cast<uint32_t>(counter_high), static_cast<uint32_t>(counter_high >> 32)};
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c[0], p1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

// FNV-1a over a tensor's name: the part of the key that tells tensors apart.
inline uint64_t name_key(std::string_view name) {
  uint64_t h = 0xcbf29ce484222325;
  for (const char ch : name) h = (h ^ static_cast<unsigned char>(ch)) * 0x100000001b3;
  return h;
}

// Value `index` of a tensor's stream, uniform in [0, 1) with 24 bits.
inline float philox_uniform(uint64_t seed, uint64_t name, uint64_t index) {
  return static_cast<float>(philox(seed, index / 4, name)[index % 4] >> 8) * 0x1p-24f;
}

// Value `index` of a tensor's stream, standard normal (Box-Muller over two words of one block).
inline float philox_normal(uint64_t seed, uint64_t name, uint64_t index) {
  const PhiloxBlock block = philox(seed, index / 2, name);
  const double u = (block[2 * (index % 2)] + 0.5) * 0x1p-32, v = block[2 * (index % 2) + 1] * 0x1p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v));
}

}  // namespace pss
