// Argument of the stand-in library's kernel.
#pragma once

#include <cstdint>

struct MatmulArguments {
  const void* a;
  const void* b;
  void* d;
  int64_t a_ld, b_ld, d_ld;  // elements between columns
  int32_t m, n, k;
  int32_t a_transposed, b_transposed;
  int32_t inputs_are_bf16, output_is_bf16;
};
