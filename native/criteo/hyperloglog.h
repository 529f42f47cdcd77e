// HyperLogLog: how many distinct ids a column holds, in 16 KiB a column, with a standard error of 0.8%.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pss::criteo {

class HyperLogLog {
 public:
  // Adds values[0], values[stride], ..., `count` of them.
  void add(const uint32_t* values, size_t count, size_t stride);

  // Afterwards this counts the union; the order of merges doesn't matter.
  void merge(const HyperLogLog& other);

  // The estimate of Ertl (New cardinality estimation algorithms for HyperLogLog sketches, 2017, algorithm 6),
  // which needs no correction tables at either end of the range.
  uint64_t estimate() const;

  static constexpr int kIndexBits = 14;
  static constexpr size_t kRegisters = size_t{1} << kIndexBits;

 private:
  static constexpr int kRankBits = 64 - kIndexBits;
  std::array<uint8_t, kRegisters> registers_{};
};

}  // namespace pss::criteo
