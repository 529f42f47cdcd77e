// How a batch is cut into blocks of rows, the same for every op of a model.
#pragma once

#include <cstdint>

namespace pss {

// Rows of a block of a batch of B: a block for every core of the machine, and at least four; not under 64
// rows, which don't fill a matrix product's kernels, nor above 512, with which a block's activations leave
// the cache. Larger blocks read the weights less often, which is what limits machines with a slow shared
// cache. It doesn't depend on the number of threads in use, nor on the cores this process may run on.
int64_t row_block(int64_t B);

// No batch of up to `max_batch` rows has more blocks than this.
int64_t most_row_blocks(int64_t max_batch);

}  // namespace pss
