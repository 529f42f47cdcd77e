// Embedding lookup: slots[b, t, :] = the chunks of (t, ids[b, t]) joined. See addressing.h.
//
//   for b, t, c, s:  slots[b, t*D + c*Z + s] = M[starts[b, t, c]*unit + s]
//
// The backward pass materialises nothing: dslots with the starts is the gradient of M as a list of chunks,
// and optim/chunk_update sums it range by range as it updates M. Where an op reads M itself through
// gather_sample (dot_interaction), slots isn't stored either.
#pragma once

#include "base/aligned_buffer.h"
#include "base/bf16.h"
#include "ops/cpu_op.h"
#include "ops/embedding/addressing.h"

namespace pss {

// Gathers the T embeddings of one sample: out[t*ld + i], i < D; floats D..ld of each row are left alone.
// starts is the sample's row [T, chunks].
void gather_sample_ref(float* out, int64_t ld, const float* memory, const uint32_t* starts,
                       const Addressing& addressing);
void gather_sample_avx2(float* out, int64_t ld, const float* memory, const uint32_t* starts,
                        const Addressing& addressing);
void gather_sample_avx512(float* out, int64_t ld, const float* memory, const uint32_t* starts,
                          const Addressing& addressing);
// The same, rounded to bf16.
void gather_sample_avx512bf16(Bf16* out, int64_t ld, const float* memory, const uint32_t* starts,
                              const Addressing& addressing);

// The kernels of one instruction set.
struct LookupKernels {
  decltype(&compute_starts) find_starts;
  decltype(&gather_sample_ref) gather_sample;
};
LookupKernels lookup_kernels(Isa isa);

// The chunks of a sample that will be gathered soon. Kernels ask for their cache lines a few at a time
// between arithmetic: asked for all at once they would fill the core's miss buffers and stall it.
struct LookAhead {
  const float* memory;
  const uint32_t* starts;
  int64_t count;   // chunks not asked for yet
  int64_t unit;    // floats
  int64_t length;  // floats of a chunk
};
// None when `starts` is null, and none of chunks too short to gain by it.
LookAhead look_ahead(const float* memory, const uint32_t* starts, const Addressing& addressing);

// dmemory[|M|] += the chunks of dslots [B, T*D] (rows ld apart): the definition of the dense gradient (paper,
// Algorithm 1).
void scatter_add_ref(float* dmemory, const float* dslots, int64_t ld, const uint32_t* starts, int64_t B,
                     const Addressing& addressing);

class Embedding : public CpuOp {
 public:
  // `slots` [B, T, D]; `memory` has |M| floats and at least 64 more behind them that may be read.
  Embedding(const OpContext& context, const Addressing& addressing, const float* memory, Tensor* slots);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  const char* implementation() const override { return isa_name(context_.isa); }

  const Addressing& addressing() const { return addressing_; }
  const float* memory() const { return memory_; }
  // Of the batch last seen by forward: [B, T, chunks].
  const uint32_t* starts() const { return starts_.data(); }
  const Tensor& slots() const { return *slots_; }

 private:
  Addressing addressing_;
  const float* memory_;
  Tensor* slots_;
  AlignedBuffer<uint32_t> starts_;
};

}  // namespace pss
