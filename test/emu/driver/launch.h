// Launches: from what a program passes to work that runs a kernel.
#pragma once

#include "streams.h"

namespace emu {

inline constexpr int kDefaultShared = 49152;  // bytes a block may have without asking for more

struct LaunchShape {
  u32 grid[3], block[3];
  u32 dynamic_bytes;
  bool cooperative;
};

// Checks a launch and copies its parameters.
CUresult prepare_launch(CUfunction function, const LaunchShape& shape, void** parameters, void** extra,
                        Work* out);

int most_shared_bytes();  // of a block that asks for it
int shared_bytes_of_processor();

}  // namespace emu
