// Sums of the gradients of single floats (Z = 1), as chunk_update needs them, without sorting.
//
// The samples of a batch are cut into kParts parts, whatever the number of threads. Each part adds its
// gradients to an array of |M| floats of its own, in their order, and taking a range adds the arrays in
// theirs: the same bits on any number of threads. It costs kParts * |M| floats of memory and of traffic, and
// an addition at a random place a float where sorting has two writes and two reads, of which one is at
// random.
#pragma once

#include "backend/cpu/thread_team.h"
#include "base/aligned_buffer.h"
#include "base/matrix.h"

namespace pss {

class PrivateSums {
 public:
  static constexpr int64_t kParts = 4;

  // Whether this is faster than sorting, for a batch of so many floats. By measurement.
  static bool pay(int64_t memory_size, int64_t batch_floats) {
    return memory_size <= kMostFloats && memory_size <= kMostShare * batch_floats;
  }

  // `empty` is what a float holds that nothing was added to: 0, or kUntouched (optimizer.h).
  PrivateSums(const ThreadTeam* team, int64_t memory_size, int64_t row_floats, float empty);
  // starts [B, row_floats]; dslots [B, row_floats], rows dslots.ld apart.
  void add(const uint32_t* starts, const Matrix& dslots, int64_t B);
  // gradient[0..n) = the sums of floats [first, first + n) of M, which are left empty.
  void take(float* gradient, int64_t first, int64_t n);
  size_t bytes() const { return sums_.bytes(); }

 private:
  // Beyond, random additions wait for the cache that cores share, longer than sorting takes.
  static constexpr int64_t kMostFloats = 1 << 19;
  // Beyond, adding up the parts takes longer than sorting.
  static constexpr int64_t kMostShare = 2;

  template <typename Number>
  void add_rows(float* sums, const uint32_t* starts, const Number* dslots, int64_t ld, int64_t rows) const;

  const ThreadTeam* team_;
  int64_t memory_size_, row_floats_;
  float empty_;
  AlignedBuffer<float> sums_;  // [kParts, |M|]
};

}  // namespace pss
