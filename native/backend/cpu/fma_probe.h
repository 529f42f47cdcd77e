// The rate of multiply-adds this machine reaches when nothing else limits it: registers only, no memory.
#pragma once

#include <cstdint>

#include "base/precision.h"

namespace pss {

// GFLOP/s of `threads` threads, each doing `iterations` rounds of independent vector multiply-adds: of
// floats, or of bf16 summed in float where the instruction set in use multiplies them.
double fma_rate(int threads, int64_t iterations, Precision precision);

// One round is kFmaVectors instructions.
constexpr int kFmaVectors = 8;
void fma_rounds_portable(int64_t iterations);
void fma_rounds_avx2(int64_t iterations);
void fma_rounds_avx512(int64_t iterations);
void fma_rounds_avx512bf16(int64_t iterations);

}  // namespace pss
