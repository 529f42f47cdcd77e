// Applies the gradient of a shared array: each float of M that lookups touched (or, with a dense gradient,
// each float) is updated once, with the sum of all contributions.
//
//   for every (b, t, c), s:  g[starts[b,t,c]*unit + s] += dslots[b, t*D + c*Z + s]
//   then optimizer(M, g)
//
// M is cut into ranges by its shape alone. A stable counting sort gives every range the list of chunks that
// overlap it (one that crosses a border is listed in both), and whoever owns a range sums its chunks in (b,
// t, c) order in a scratch buffer that fits the L1 or L2 cache and updates the range from it. No gradient
// array of |M| floats exists, no two threads write one float, and the order of every sum is fixed: the result
// is the same bits on any number of threads. Chunks may start anywhere and overlap in part (ROBE), which
// grouping equal starts would get wrong.
//
// dense:  the optimizer runs over every float of M. sparse (Algorithm 1 of the paper): only over floats that
// a chunk touched. sgd and the adagrads leave a float without gradient as it is, so both give the same bits;
// adam's moments decay under dense and rest under sparse ("lazy Adam").
#pragma once

#include <vector>

#include "backend/cpu/thread_team.h"
#include "base/aligned_buffer.h"
#include "ops/embedding/addressing.h"
#include "optim/chunk_sum.h"
#include "optim/optimizer.h"

namespace pss {

class ChunkUpdate {
 public:
  // Throws ERR_GRAPH when a batch's gradients are too many to be numbered by 32 bits.
  ChunkUpdate(const ThreadTeam* team, Isa isa, const Addressing& addressing, const OptimizerSpec& spec,
              bool dense, int64_t max_batch);
  // state0 and state1 as in optimizer.h; for rowwise-adagrad state0 has ceil(|M| / row_length()) floats.
  // dslots: the gradient of the slots [B, T*D].
  void apply(float* memory, float* state0, float* state1, const uint32_t* starts, const Matrix& dslots,
             int64_t B, const UpdateScalars& scalars);
  // Floats of one of rowwise-adagrad's rows: the chunk size, which is D for full and hash, 1 for hashednet.
  int64_t row_length() const { return addressing_.Z; }
  size_t bytes() const;

 private:
  struct Target {
    float* memory;
    float* state0;
    float* state1;
  };
  // What a record holds and whether a chunk can cross the border of two ranges are known before the loops
  // over all chunks, where a test of each chunk's place would often be guessed wrong.
  enum class Chunks { kInRange, kAnywhere, kFloats };
  void sort_records(const uint32_t* starts, const Matrix& dslots, int64_t B);
  template <Chunks kChunks>
  void sort_records_of(const uint32_t* starts, const Matrix& dslots, int64_t B);
  template <Chunks kChunks>
  void count_part(const uint32_t* starts, int64_t first, int64_t last, uint32_t* counts) const;
  template <Chunks kChunks, typename Number>
  void place_part(const uint32_t* starts, const Number* dslots, int64_t ld, int64_t first, int64_t last,
                  uint32_t* places);
  void update_range(int64_t range, const Target& target, const Matrix& dslots, const UpdateScalars& scalars);
  float* thread_scratch() { return scratch_.data() + ThreadTeam::current() * scratch_stride_; }
  void update_dense(float* gradient, int64_t n, const Target& target, const UpdateScalars& scalars) const;
  void update_touched(float* gradient, int64_t n, const Target& target, const UpdateScalars& scalars) const;
  // Only the floats, or whole rows, under the listed chunks.
  void update_listed(float* gradient, int64_t n, const Target& target, const ChunkSum& sum,
                     const UpdateScalars& scalars) const;
  // Of the first float of a range.
  Target target_at(const Target& target, int64_t offset) const;

  const ThreadTeam* team_;
  Isa isa_;
  const OptimizerKernels& kernels_;
  Addressing addressing_;
  OptimizerSpec spec_;
  bool dense_;
  bool rowwise_;          // rows of more than one float share an accumulator
  bool straddles_;        // a chunk can cross the border of two ranges
  int64_t range_units_;   // length of a range in units of starts
  int64_t range_floats_;  // and in floats
  int64_t ranges_;
  uint64_t range_reciprocal_;  // floor(2^64 / range_units) + 1: a product replaces the division of a start
  int64_t margin_;             // scratch floats before and behind a range, where parts of straddlers go
  int64_t scratch_stride_;
  AlignedBuffer<float> scratch_;            // [threads, scratch_stride]
  std::vector<ChunkRecord> sample_chunks_;  // of a sample, in order: the mark of a short one, and its source
  AlignedBuffer<uint32_t> places_;          // [threads, ranges]
  AlignedBuffer<uint32_t> range_ends_;      // [ranges]: the end of each range's records
  AlignedBuffer<ChunkRecord> records_;
};

}  // namespace pss
