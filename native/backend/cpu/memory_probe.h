// What random chunks of a large array cost when nothing but memory is in the way: the roofline of lookups and
// of updates of M.
#pragma once

#include <cstdint>

namespace pss {

struct ChunkRates {
  double gather_ns;  // a chunk read from anywhere and stored in sequence
  double update_ns;  // a chunk read in sequence and added to floats anywhere
};

// Nanoseconds a chunk, all threads together, for `chunks` chunks of `chunk_floats` that start anywhere in an
// array of `memory_floats`. Addresses are known beforehand and asked for ahead, so hashing costs nothing
// here. Each thread updates a part of the array of its own. Throws ERR_MEMORY.
ChunkRates chunk_rates(int threads, int64_t memory_floats, int64_t chunk_floats, int64_t chunks);

}  // namespace pss
