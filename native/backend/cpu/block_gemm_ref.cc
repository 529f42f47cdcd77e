#include <cstring>

#include "backend/cpu/block_gemm.h"

namespace pss {

namespace {

float product(float a, float b) {
  return a * b;
}

float product(uint32_t a, uint32_t b) {
  const auto half = [](uint32_t word, int shift) {
    return to_float(Bf16{static_cast<uint16_t>(word >> shift)});
  };
  return half(a, 0) * half(b, 0) + half(a, 16) * half(b, 16);
}

uint32_t pair_of(float low, float high) {
  return uint32_t{to_bf16(low).bits} | uint32_t{to_bf16(high).bits} << 16;
}

template <typename Number, typename Out>
void gemm(const BlockGemm<Number, Out>& g) {
  for (int64_t m = 0; m < g.m; m++) {
    for (int64_t n = 0; n < g.n; n++) {
      float sum = g.add ? to_float(g.c[m * g.c_ld + n]) : 0;
      for (int64_t k = 0; k < g.k; k++) sum += product(g.a[m * g.a_row + k * g.a_col], g.b[k * g.b_ld + n]);
      assign(g.c[m * g.c_ld + n], sum);
    }
  }
}

void transpose(void* out, int64_t out_ld, const void* in, int64_t in_ld, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c++) {
      std::memcpy(static_cast<char*>(out) + 4 * (c * out_ld + r),
                  static_cast<const char*>(in) + 4 * (r * in_ld + c), 4);
    }
  }
}

void pair_columns(uint32_t* words, const float* values, int64_t count) {
  for (int64_t i = 0; i < count; i += 2) *words++ = pair_of(values[i], i + 1 < count ? values[i + 1] : 0.0f);
}

void pair_rows(uint32_t* words, const float* low, const float* high, int64_t count) {
  for (int64_t i = 0; i < count; i++) words[i] = pair_of(low[i], high ? high[i] : 0.0f);
}

}  // namespace

const BlockKernels kBlockReference = {gemm<float, float>, gemm<Bf16, float>, gemm<Bf16, Bf16>,
                                      transpose,          pair_columns,      pair_rows};

const BlockKernels& block_kernels(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return kBlockReference;
    case Isa::kAvx2:
      return kBlockAvx2;
    case Isa::kAvx512:
      return kBlockAvx512;
    default:
      return kBlockAvx512Bf16;
  }
}

}  // namespace pss
