// What a GPU says of itself, for rooflines and reports.
#pragma once

#include <cstdint>
#include <string>

namespace pss {

struct GpuInfo {
  std::string name;
  int compute_capability;  // 10*major + minor
  int multiprocessors;
  int clock_khz;  // of the multiprocessors, at most
  int memory_clock_khz, memory_bus_bits;
  int64_t memory_bytes;
};

// Needs a driver but neither kernels nor a context. Throws ERR_CUDA when there is none, or no such GPU.
GpuInfo gpu_info(int index);

}  // namespace pss
