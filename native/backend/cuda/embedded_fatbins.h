// Device code that the build put into the addon: one fatbin (PTX and SASS) for each .cu file, by its name
// without the ending. The table is written by cmake/cuda.cmake and is empty in a build without nvcc.
#pragma once

#include <cstddef>

namespace pss {

struct EmbeddedFatbin {
  const char* name;
  const void* image;
};

extern const EmbeddedFatbin kEmbeddedFatbins[];
extern const size_t kEmbeddedFatbinCount;

}  // namespace pss
