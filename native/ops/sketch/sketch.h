// Embeddings as a Johnson-Lindenstrauss sketch that is trained end to end (paper, sections 2.1 and 2.2), for
// S without structure (gaussian, achlioptas): every lookup reads all k rows of M. The sparse S is a lookup of
// its s rows and their signed sum (ops/combine).
//
//   M [k, D], S [k, n] as sketch_matrix.h defines it, its column of slot f that of id ids[b, f]
//   forward   out[b, f, :] = sum_j S[j, column] * M[j, :]
//   backward  dM[j, :] = sum_{b, f} S[j, column] * dout[b, f, :]
// S is generated on the fly in both passes and never stored. Sums over j run from 0 on, those over (b, f) in
// their order; each row of dM is one task's own: the same bits on any number of threads. Flops: 2*B*F*k*D for
// each pass, and B*F*k entries of S.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "ops/cpu_op.h"
#include "ops/sketch/sketch_matrix.h"

namespace pss {

struct SketchSpec {
  SketchKind kind;
  uint64_t seed;
  std::vector<int64_t> columns;  // the id columns of the slots, which are also their tables; empty: all
};

// Throws ERR_GRAPH for an unknown name.
SketchKind parse_sketch(const std::string& name);

// Rows are generated in blocks of so many.
constexpr int64_t kSketchBlock = 64;
// Lookups that a forward kernel takes together.
constexpr int64_t kSketchGroup = 4;

// entries[i] = S[first + i, column] for i < count; `first` and `count` are multiples of kSketchBlock.
void sketch_entries_ref(float* entries, SketchKind kind, uint64_t seed, uint64_t column, float scale,
                        int64_t first, int64_t count);
void sketch_entries_avx512(float* entries, SketchKind kind, uint64_t seed, uint64_t column, float scale,
                           int64_t first, int64_t count);
// out[g, :] = sum_j entries[g, j] * memory[j, :] for kSketchGroup lookups; entries [group, entries_ld],
// memory [k, memory_ld], out [group, D].
void sketch_forward_ref(float* out, const float* entries, int64_t entries_ld, const float* memory,
                        int64_t memory_ld, int64_t k, int64_t D);
void sketch_forward_avx512(float* out, const float* entries, int64_t entries_ld, const float* memory,
                           int64_t memory_ld, int64_t k, int64_t D);
// dmemory[j, :] += sum_n entries[n, j] * *dout[n] for j < rows (at most kSketchBlock) and n < count;
// entries [count, kSketchBlock].
void sketch_backward_ref(float* dmemory, int64_t memory_ld, const float* entries, const float* const* dout,
                         int64_t count, int64_t rows, int64_t D);
void sketch_backward_avx512(float* dmemory, int64_t memory_ld, const float* entries, const float* const* dout,
                            int64_t count, int64_t rows, int64_t D);

// Throws ERR_GRAPH unless out is [F, D] with a column for each slot and memory [k, D].
void check_sketch(const SketchSpec& spec, int64_t id_columns, const Parameter& memory, const Tensor& out);

class Sketch : public CpuOp {
 public:
  Sketch(const OpContext& context, const SketchSpec& spec, int64_t id_columns, const Parameter* memory,
         Tensor* out);
  void forward_rows(const Batch& batch, int64_t first, int64_t last) override;
  void keep_rows(const Batch& batch, int64_t first, int64_t last) override;
  int64_t tasks(Stage stage, int64_t B) override;
  void run_task(Stage stage, int64_t B, int64_t task) override;
  int64_t task_cost(Stage) const override { return slots_ * kSketchBlock * D_; }
  const char* implementation() const override { return isa_name(context_.isa); }

 private:
  uint64_t column_of(const Batch& batch, int64_t lookup) const;
  float* thread_scratch() { return scratch_.data() + ThreadTeam::current() * scratch_floats_; }

  SketchSpec spec_;
  int64_t id_columns_;
  const Parameter* memory_;
  Tensor* out_;
  int64_t slots_, D_, k_;
  int64_t padded_k_;  // whole blocks
  float scale_;
  int64_t scratch_floats_;
  AlignedBuffer<uint64_t> columns_;  // [B, F] of the batch in training
  AlignedBuffer<float> scratch_;     // [threads, scratch_floats]
};

}  // namespace pss
