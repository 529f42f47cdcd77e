// The rate of multiply-adds this machine reaches when nothing else limits it: registers only, no memory.
#pragma once

#include <cstdint>

namespace pss {

// What is multiplied: floats, bf16 summed in float, bytes summed in 32 bits.
enum class Factors { kF32, kBf16, kInt8 };

// GFLOP/s (of bytes, 10^9 operations a second) of `threads` threads, each doing `iterations` rounds of
// independent vector multiply-adds: of these factors where the instruction set in use has one instruction for
// it, else of floats. (Bytes widened to 16 bits are multiplied and added at the rate of floats.)
double fma_rate(int threads, int64_t iterations, Factors factors);

// One round is kFmaVectors instructions.
constexpr int kFmaVectors = 8;
void fma_rounds_portable(int64_t iterations);
void fma_rounds_avx2(int64_t iterations);
void fma_rounds_avx512(int64_t iterations);
void fma_rounds_avx512bf16(int64_t iterations);
void fma_rounds_avx512vnni(int64_t iterations);

}  // namespace pss
