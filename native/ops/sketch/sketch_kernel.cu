// Embeddings as a sketch with a generated matrix: see sketch.h and sketch_matrix.h, whose bits S has here
// too.
//
//   sketch_forward    a block takes eight lookups and 128 floats; S is generated 64 rows at a time into
//   shared memory,
//                     one Philox block a thread, and each thread sums its float of all eight over the rows in
//                     order
//   sketch_backward   a block takes sixteen rows of dM and 128 floats; S is generated for 32 lookups at a
//   time, and each
//                     thread sums its float of all sixteen over the lookups in order
// Every float has one writer. Generation is shared by 128 multiply-adds an entry.
#include "ops/sketch/sketch_kernel.h"

namespace {

using pss::SketchArguments;

static_assert(pss::kForwardLookups * pss::kForwardRows == 4 * pss::kSketchThreads,
              "one Philox block a thread");
static_assert(pss::kBackwardLookups * pss::kBackwardRows == 4 * pss::kSketchThreads,
              "one Philox block a thread");

__device__ float* lookup_row(const SketchArguments& a, int lookup) {
  const int b = lookup / a.slots, f = lookup - b * a.slots;
  return a.out + b * a.out_ld + static_cast<int64_t>(f) * a.D;
}

// Rows [row, row + 4) of S for a lookup.
__device__ void generate(float* entries, const SketchArguments& a, int lookup, int row) {
  const int b = lookup / a.slots, column = a.columns[lookup - b * a.slots];
  const uint32_t id = a.ids[static_cast<int64_t>(b) * a.id_columns + column];
  const pss::PhiloxBlock words =
      pss::sketch_words(a.seed, static_cast<uint64_t>(row / 4), pss::sketch_column(column, id));
  for (int w = 0; w < 4; w++) entries[w] = pss::sketch_entry(a.kind, words[w], a.scale);
}

}  // namespace

// Registers for six blocks of a multiprocessor: the compiler's own choice on sm_90, for ten, spills.
extern "C" __global__ void __launch_bounds__(pss::kSketchThreads, 6)
    sketch_forward(const __grid_constant__ SketchArguments a) {
  constexpr int kLookups = pss::kForwardLookups, kRows = pss::kForwardRows;
  __shared__ float entries[kLookups][kRows];
  const int thread = threadIdx.x, i = blockIdx.y * pss::kSketchThreads + thread;
  const int first = blockIdx.x * kLookups, own = thread / (kRows / 4), part = thread % (kRows / 4) * 4;
  float sums[kLookups] = {};
  for (int row = 0; row < a.k; row += kRows) {
    if (first + own < a.lookups) generate(entries[own] + part, a, first + own, row + part);
    __syncthreads();
    const int rows = min(kRows, a.k - row);
    if (i < a.D) {
      for (int j = 0; j < rows; j++) {
        const float value = a.memory[(row + j) * a.memory_ld + i];
#pragma unroll
        for (int n = 0; n < kLookups; n++) sums[n] = fmaf(entries[n][j], value, sums[n]);
      }
    }
    __syncthreads();
  }
  if (i >= a.D) return;
#pragma unroll
  for (int n = 0; n < kLookups; n++) {
    if (first + n < a.lookups) lookup_row(a, first + n)[i] = sums[n];
  }
}

extern "C" __global__ void __launch_bounds__(pss::kSketchThreads)
    sketch_backward(const __grid_constant__ SketchArguments a) {
  constexpr int kLookups = pss::kBackwardLookups, kRows = pss::kBackwardRows;
  __shared__ float entries[kLookups][kRows];
  const int thread = threadIdx.x, i = blockIdx.y * pss::kSketchThreads + thread;
  const int row = blockIdx.x * kRows, own = thread / (kRows / 4), part = thread % (kRows / 4) * 4;
  float sums[kRows] = {};
  for (int first = 0; first < a.lookups; first += kLookups) {
    const int count = min(kLookups, a.lookups - first);
    if (own < count) generate(entries[own] + part, a, first + own, row + part);
    __syncthreads();
    if (i < a.D) {
      for (int n = 0; n < count; n++) {
        const float gradient = lookup_row(a, first + n)[i];
#pragma unroll
        for (int j = 0; j < kRows; j++) sums[j] = fmaf(entries[n][j], gradient, sums[j]);
      }
    }
    __syncthreads();
  }
  if (i >= a.D) return;
#pragma unroll
  for (int j = 0; j < kRows; j++) {
    if (row + j < a.k) a.memory[(row + j) * a.memory_ld + i] = sums[j];
  }
}
