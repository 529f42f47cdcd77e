#include "backend/cpu/fma_probe.h"

#include <chrono>
#include <thread>
#include <vector>

#include "base/cpu_features.h"

namespace pss {

// x86-64's base has no fused multiply-add: four lanes of multiply and add. The empty asm keeps the loop from
// being folded away.
void fma_rounds_portable(int64_t iterations) {
  using Lanes = float __attribute__((vector_size(4 * sizeof(float))));
  Lanes sums[kFmaVectors] = {}, factor = {1.0f, 1.0f, 1.0f, 1.0f};
  for (int64_t i = 0; i < iterations; i++) {
    for (Lanes& sum : sums) {
      sum = sum * factor + factor;
      asm volatile("" : "+x"(sum));
    }
  }
}

double fma_rate(int threads, int64_t iterations, Factors factors) {
  const Isa isa = choose_isa("auto");
  auto rounds = fma_rounds_portable;
  int multiplies = 4;  // of one instruction
  if (isa >= Isa::kAvx512 && has_vnni() && factors == Factors::kInt8) {
    rounds = fma_rounds_avx512vnni;
    multiplies = 64;
  } else if (isa == Isa::kAvx512Bf16 && factors == Factors::kBf16) {
    rounds = fma_rounds_avx512bf16;
    multiplies = 32;
  } else if (isa >= Isa::kAvx512) {
    rounds = fma_rounds_avx512;
    multiplies = 16;
  } else if (isa == Isa::kAvx2) {
    rounds = fma_rounds_avx2;
    multiplies = 8;
  }
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> others;
  for (int t = 1; t < threads; t++) others.emplace_back(rounds, iterations);
  rounds(iterations);
  for (std::thread& other : others) other.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return threads * static_cast<double>(iterations) * 2 * kFmaVectors * multiplies / seconds / 1e9;
}

}  // namespace pss
