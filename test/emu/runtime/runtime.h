// What the driver asks of the runtime: run one kernel to its end, on the calling thread.
#pragma once

#include <string>
#include <vector>

#include "thread.h"

namespace emu {

enum class ThreadOrder { kForward, kReverse, kRandom };

struct RuntimeOptions {
  ThreadOrder order = ThreadOrder::kForward;
  u64 seed = 1;
  double limit_seconds = 0;  // a kernel may run so long; 0: as long as it likes
  bool check_races = false;  // of shared memory
  bool check_bounds = true;
  u64 stack_bytes = 64 << 10;  // of a thread; grown for kernels with large local arrays
  u64 resident_blocks = 0;     // that run at once; 0: one, or a few in random order
};
RuntimeOptions& runtime_options();

// Where kernels may read and write, sorted by address.
void set_regions(std::vector<Region> regions);

struct Grid {
  u32 blocks[3], threads[3];
  u32 dynamic_bytes;
  bool cooperative;  // all blocks are resident and can wait for one another
};
struct Outcome {
  Fault fault = Fault::kNone;
  std::string text;
  u64 address = 0;
};
// counters: added to; null unless the module was translated for counting.
Outcome run_kernel(const Kernel& kernel, const Grid& grid, const char* parameters, u32 num_loops,
                   Counters* counters);

}  // namespace emu
