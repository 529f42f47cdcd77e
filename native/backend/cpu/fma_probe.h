// The rate of float32 fused multiply-adds this machine reaches when nothing else limits it: registers only,
// no memory.
#pragma once

#include <cstdint>

namespace pss {

// GFLOP/s of `threads` threads, each doing `iterations` rounds of independent vector multiply-adds.
double fma_rate(int threads, int64_t iterations);

// One round is kFmaVectors multiply-adds of kLanes floats.
constexpr int kFmaVectors = 8;
constexpr int kAvx512Lanes = 16, kPortableLanes = 4;
void fma_rounds_avx512(int64_t iterations);
void fma_rounds_portable(int64_t iterations);

}  // namespace pss
