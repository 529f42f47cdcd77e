// Weight gradients of ops that add them up row by row: every block of rows has a share of its own, and the
// shares are summed in the order of the blocks: the same bits on any number of threads.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "ops/op.h"

namespace pss {

class BlockShares {
 public:
  BlockShares() = default;
  // A share holds the parameters' gradients one after the other, padding included. Empty without training.
  BlockShares(const OpContext& context, std::vector<const Parameter*> parameters);

  // The share of the block that begins at row `first`, set to zero.
  float* clear(int64_t B, int64_t first);
  // Where parameter p begins in a share.
  int64_t offset(size_t p) const { return offsets_[p]; }
  // Tasks that write the parameters' gradients, once all blocks have run.
  int64_t tasks() const;
  void run_task(int64_t B, int64_t task) const;

 private:
  std::vector<const Parameter*> parameters_;
  std::vector<int64_t> offsets_;
  int64_t floats_ = 0;  // of a share
  AlignedBuffer<float> shares_;
};

}  // namespace pss
