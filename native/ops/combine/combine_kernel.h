// Arguments of combine_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

enum class CombineKind : int32_t { kProduct, kSum, kSignedSum };

struct CombineArguments {
  float* out;  // [B, F, D]; the output's gradient in the backward pass
  float* din;  // [B, F, l, D]; null in the forward pass
  const float* in;
  const uint32_t* ids;     // [B, id_columns], and
  const int32_t* columns;  // [F]: for signedSum
  uint64_t hash_seed;
  int64_t out_ld, in_ld;
  CombineKind kind;
  int32_t slots, l, D;
  int32_t id_columns;
  int32_t lookups;  // B*F
  float scale;      // 1 / sqrt(l)
};

constexpr int kCombineThreads = 256;

}  // namespace pss
