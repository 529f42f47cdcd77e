// Addressing for kernels.
#pragma once

#include "backend/cuda/cuda_context.h"
#include "ops/embedding/addressing.h"
#include "ops/embedding/addressing_kernel.h"

namespace pss {

class AddressingCuda {
 public:
  // Throws ERR_GRAPH when a batch's floats or chunks are too many to be numbered by 32 bits.
  AddressingCuda(const CudaOpContext& context, const Addressing& addressing);

  const AddressingArguments& arguments() const { return arguments_; }
  // Whether all chunks, in M and in slots with rows `ld` apart, consist of whole aligned groups of four
  // floats.
  bool quads(int64_t ld) const;
  // The chunks of B samples, to be walked by `floats` at a time.
  ChunkList list(const uint32_t* ids, int64_t B, int64_t ld, int floats) const;

 private:
  CudaMemory row_offsets_, rules_, columns_;
  AddressingArguments arguments_;
};

// log2 of the least power of two, at most 32, of lanes that take `count` items together in as few turns.
int lanes_log2(int64_t count);

}  // namespace pss
