// Arguments of embedding_kernel.cu.
#pragma once

#include "ops/embedding/addressing_kernel.h"

namespace pss {

struct LookupArguments {
  float* slots;
  const float* memory;
  ChunkList chunks;
};

constexpr int kLookupThreads = 256;  // one chunk each for hashing

}  // namespace pss
