// Applies the gradient of a shared array: each float of M that lookups touched (or, with a dense gradient,
// each float) is updated once, with the sum of all contributions.
//
//   for every (b, t, c), s:  g[starts[b,t,c]*unit + s] += dslots[b, t*D + c*Z + s];      then  optimizer(M,
//   g)
//
// M is cut into ranges by |M| alone. A stable counting sort gives every range the list of chunks that overlap
// it (one that crosses a border is listed in both), and whoever owns a range sums its chunks in (b, t, c)
// order in a scratch buffer that fits the L1 or L2 cache and updates the range from it. No gradient array of
// |M| floats exists, no two threads write one float, and the order of every sum is fixed: the result is the
// same bits on any number of threads. Chunks may start anywhere and overlap in part (ROBE), which grouping
// equal starts would get wrong.
//
// dense:  the optimizer runs over every float of M. sparse (Algorithm 1 of the paper): only over floats that
// a chunk touched. sgd and the adagrads leave a float without gradient as it is, so both give the same bits;
// adam's moments decay under dense and rest under sparse ("lazy Adam").
#pragma once

#include "backend/cpu/thread_team.h"
#include "base/aligned_buffer.h"
#include "ops/embedding/addressing.h"
#include "optim/optimizer.h"

namespace pss {

class ChunkUpdate {
 public:
  // `row_length` is rowwise-adagrad's row: D for full and hash, Z for robe, 1 for hashednet. state0 and
  // state1 as in optimizer.h; for rowwise-adagrad state0 has ceil(|M| / row_length) floats.
  ChunkUpdate(const ThreadTeam* team, Isa isa, const Addressing& addressing, const OptimizerSpec& spec,
              bool dense, int64_t max_batch);
  void apply(float* memory, float* state0, float* state1, const uint32_t* starts, const float* dslots,
             int64_t ld, int64_t B, const UpdateScalars& scalars);
  int64_t row_length() const { return row_length_; }
  size_t bytes() const;

 private:
  const ThreadTeam* team_;
  Isa isa_;
  Addressing addressing_;
  OptimizerSpec spec_;
  bool dense_;
  int64_t row_length_;
};

}  // namespace pss
