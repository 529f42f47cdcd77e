// slots[b, t, c*Z + s] = M[start(t, id, c)*unit + s]: see addressing.h.
//
//   lookup_quads   chunks of whole aligned groups of four floats (full, hash, robe with `aligned`)
//   lookup_floats  any other
// Each thread hashes one chunk, once; then the lanes of a warp copy its 32 chunks, several at a time where
// they are short. Reads the chunks and 4 bytes a table, writes the slots: 8 bytes a float. A chunk of Z
// floats that starts anywhere lies in (Z + 7)/8 sectors of 32 bytes on average, and not in fewer.
#include "ops/embedding/addressing.cuh"
#include "ops/embedding/embedding_kernel.h"

namespace {

__device__ uint32_t first_chunk() {
  return blockIdx.x * pss::kLookupThreads + threadIdx.x / 32 * 32;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kLookupThreads)
    lookup_floats(const __grid_constant__ pss::LookupArguments a) {
  pss::walk_chunks<1>(a.chunks, first_chunk(),
                      [&](int64_t place, int64_t slot) { a.slots[slot] = __ldg(a.memory + place); });
}

extern "C" __global__ void __launch_bounds__(pss::kLookupThreads)
    lookup_quads(const __grid_constant__ pss::LookupArguments a) {
  pss::walk_chunks<4>(a.chunks, first_chunk(), [&](int64_t place, int64_t slot) {
    *reinterpret_cast<float4*>(a.slots + slot) = __ldg(reinterpret_cast<const float4*>(a.memory + place));
  });
}
