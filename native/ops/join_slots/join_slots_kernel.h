// Argument of join_slots_kernel.cu.
#pragma once

#include <cstdint>

namespace pss {

struct JoinSlotsArguments {
  float* joined;          // [B, F, D]
  float* part;            // [B, F_n, D]
  const int32_t* places;  // [F_n]
  int64_t joined_ld, part_ld;
  int32_t slots, D;  // F_n, D
  int64_t elements;  // B*F_n*D
};

constexpr int kJoinSlotsThreads = 256;

}  // namespace pss
