// The kernels of an MLP in 8-bit integers on one instruction set; quantized_mlp.h has what they compute, and
// the plain versions.
#pragma once

#include "base/cpu_features.h"
#include "base/matrix.h"
#include "ops/quantized_mlp/quantized_layer.h"

namespace pss {

struct QuantizedMlpKernels {
  const char* name;
  void (*quantize_rows)(uint8_t* q, int64_t q_ld, const Matrix& x, int64_t first, int64_t last,
                        const InputFormat& format);
  // These two write whole vectors of columns, zeros in the padding.
  void (*to_bytes)(uint8_t* y, int64_t y_ld, const uint8_t* q, int64_t q_ld, int64_t rows,
                   const QuantizedLayer& layer);
  void (*to_floats)(const Matrix& y, int64_t first, int64_t last, const uint8_t* q, int64_t q_ld,
                    const QuantizedLayer& layer);
};

// The fastest that `isa` allows; null for the reference.
const QuantizedMlpKernels* quantized_mlp_kernels(Isa isa);

const QuantizedMlpKernels* quantized_mlp_kernels_avx2();
const QuantizedMlpKernels* quantized_mlp_kernels_avx512vnni();

}  // namespace pss
