// Bringing near the chunks of the next sample, between the arithmetic of this one. Each file that includes it
// gets its own copy, compiled for its instruction set.
#pragma once

#include <immintrin.h>

#include "ops/embedding/embedding.h"

namespace pss {
namespace {

// Asks for the lines of the next `count` chunks.
inline void ask(LookAhead& next, int64_t count) {
  for (; count > 0 && next.count > 0; count--, next.count--) {
    const float* chunk = next.memory + int64_t{*next.starts++} * next.unit;
    for (int64_t s = 0; s < next.length; s += 16) {
      _mm_prefetch(reinterpret_cast<const char*>(chunk + s), _MM_HINT_T0);
    }
    _mm_prefetch(reinterpret_cast<const char*>(chunk + next.length - 1), _MM_HINT_T0);
  }
}

}  // namespace
}  // namespace pss
