#include "backend/cuda/partial_sums.h"

#include <algorithm>

#include "backend/cuda/launch.h"

namespace pss {

PartialSums::PartialSums(const CudaOpContext& context)
    : stream_(context.stream), kernel_(context.device->kernel("partial_sums_kernel", "sum_partials")) {}

void PartialSums::run(std::initializer_list<PartialSum> sums) const {
  PartialSumsArguments arguments{};
  std::copy(sums.begin(), sums.end(), arguments.sums);
  int32_t longest = 0;
  for (const PartialSum& sum : sums) longest = std::max(longest, sum.count);
  launch(kernel_,
         {.grid_x = blocks_for(longest, kPartialSumsThreads),
          .grid_y = static_cast<unsigned>(sums.size()),
          .threads = kPartialSumsThreads},
         *stream_, arguments);
}

}  // namespace pss
