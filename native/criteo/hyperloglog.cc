#include "criteo/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace pss::criteo {

namespace {

// The finaliser of SplitMix64: a bijection, so distinct ids stay distinct.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

double sigma(double x) {
  if (x == 1.0) return std::numeric_limits<double>::infinity();
  double y = 1.0;
  double z = x;
  for (double previous = -1.0; z != previous;) {
    x *= x;
    previous = z;
    z += x * y;
    y += y;
  }
  return z;
}

double tau(double x) {
  if (x == 0.0 || x == 1.0) return 0.0;
  double y = 1.0;
  double z = 1.0 - x;
  for (double previous = -1.0; z != previous;) {
    x = std::sqrt(x);
    previous = z;
    y *= 0.5;
    z -= (1.0 - x) * (1.0 - x) * y;
  }
  return z / 3.0;
}

}  // namespace

void HyperLogLog::add(const uint32_t* values, size_t count, size_t stride) {
  for (size_t i = 0; i < count; ++i) {
    const uint64_t hash = mix(values[i * stride]);
    const uint64_t index = hash >> kRankBits;
    const auto rank =
        static_cast<uint8_t>(std::countl_zero((hash << kIndexBits) | (1ULL << (kIndexBits - 1))) + 1);
    registers_[index] = std::max(registers_[index], rank);
  }
}

void HyperLogLog::merge(const HyperLogLog& other) {
  for (size_t i = 0; i < kRegisters; ++i) registers_[i] = std::max(registers_[i], other.registers_[i]);
}

uint64_t HyperLogLog::estimate() const {
  std::array<uint64_t, kRankBits + 2> histogram{};
  for (const uint8_t rank : registers_) ++histogram[rank];
  constexpr auto m = static_cast<double>(kRegisters);
  double z = m * tau(1.0 - static_cast<double>(histogram[kRankBits + 1]) / m);
  for (size_t rank = kRankBits; rank >= 1; --rank) z = 0.5 * (z + static_cast<double>(histogram[rank]));
  z += m * sigma(static_cast<double>(histogram[0]) / m);
  return static_cast<uint64_t>(std::llround(m * m / (2.0 * std::log(2.0)) / z));
}

}  // namespace pss::criteo
