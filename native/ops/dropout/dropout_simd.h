// Dropout's kernels for the Simd of the file that includes this.
#pragma once

#include "ops/dropout/dropout.h"

namespace pss {
namespace {

constexpr int64_t kLanes = Simd::kLanes;

// Philox4x32-10 of base/philox.h for as many counters as there are lanes: the same bits.
uint64_t dropout_mask(uint64_t group, const DropoutKey& key) {
  uint64_t mask = 0;
  for (int64_t first = 0; first < 16; first += kLanes) {
    const uint64_t counter = group * 16 + static_cast<uint64_t>(first);  // its low 4 bits are the lanes' own
    const auto all = [](uint64_t word) { return Simd::set_word(static_cast<uint32_t>(word)); };
    Simd::Words c0 = Simd::add_words(all(counter), Simd::lane_numbers()), c1 = all(counter >> 32);
    Simd::Words c2 = all(key.stream), c3 = all(key.stream >> 32);
    uint32_t k0 = static_cast<uint32_t>(key.seed), k1 = static_cast<uint32_t>(key.seed >> 32);
    for (int round = 0; round < 10; round++) {
      Simd::Words low0, high0, low1, high1;
      Simd::multiply_words(c0, 0xD2511F53, low0, high0);
      Simd::multiply_words(c2, 0xCD9E8D57, low1, high1);
      c0 = Simd::exclusive_or(Simd::exclusive_or(high1, c1), all(k0));
      c1 = low1;
      c2 = Simd::exclusive_or(Simd::exclusive_or(high0, c3), all(k1));
      c3 = low0;
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    const Simd::Words words[] = {c0, c1, c2, c3};
    for (int i = 0; i < 4; i++) mask |= uint64_t{Simd::at_least(words[i], key.threshold)} << (16 * i + first);
  }
  return mask;
}

void dropout_apply(float* to, const float* from, const uint64_t* masks, float scale, int64_t ld) {
  const Simd::Floats factor = Simd::set(scale);
  for (int64_t i = 0; i < ld; i += kLanes) {
    const Simd::Mask kept = Simd::bits(masks[i / 64] >> (i % 64));
    Simd::store(to + i, Simd::where(kept, Simd::multiply(Simd::load(from + i), factor)));
  }
}

constexpr DropoutKernels kDropoutSimd = {dropout_mask, dropout_apply};

}  // namespace
}  // namespace pss
