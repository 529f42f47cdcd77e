// Kernel launches. A kernel takes one argument: a plain struct that its .cu and its host file both include,
// so that the two sides can't disagree about it.
#pragma once

#include <type_traits>

#include "backend/cuda/cuda_resources.h"

namespace pss {

struct LaunchShape {
  unsigned grid_x = 1, grid_y = 1, grid_z = 1;  // blocks
  unsigned threads = 1;                         // of a block
  unsigned shared_bytes = 0;                    // dynamic shared memory
};

// Shared memory that every GPU from compute capability 8.0 on lets a block have.
constexpr int64_t kMostSharedBytes = 96 << 10;

// Nothing is launched when the grid is empty.
template <typename Arguments>
void launch(CudaFunctionHandle kernel, const LaunchShape& shape, const CudaStream& stream,
            const Arguments& arguments) {
  static_assert(std::is_trivially_copyable_v<Arguments> && sizeof(Arguments) <= 4096);
  if (shape.grid_x == 0 || shape.grid_y == 0 || shape.grid_z == 0) return;
  void* parameters[] = {const_cast<Arguments*>(&arguments)};
  PSS_CUDA(cuda_driver().cuLaunchKernel(kernel, shape.grid_x, shape.grid_y, shape.grid_z, shape.threads, 1, 1,
                                        shape.shared_bytes, stream.handle(), parameters, nullptr));
}

inline unsigned blocks_for(int64_t items, int64_t block) {
  return static_cast<unsigned>((items + block - 1) / block);
}

}  // namespace pss
