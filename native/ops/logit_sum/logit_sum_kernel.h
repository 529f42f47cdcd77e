// Arguments of logit_sum_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

struct LogitTerm {
  const float* value;  // [B, cols], rows `ld` apart
  float* gradient;     // null where nobody wants it
  int64_t ld;
  int32_t cols;
};

struct LogitSumArguments {
  float* out;              // [B]
  const float* dout;       // [B]
  const LogitTerm* terms;  // [count], in device memory
  const float* bias;       // [1]
  float* dbias;            // [1]
  int32_t count, B;
};

constexpr int kLogitSumThreads = 256;
constexpr int kLogitLanes = 8;  // of a row: a sector

}  // namespace pss
