// Sums a batch's gradient range by range of M, from the sorted list of chunks: chunk_update.h says what, and
// why ranges. One warp takes a range: it adds the range's chunks in (b, t, c) order to a scratch buffer in
// shared memory, lanes along the floats, and then
//
//   ranges_dense                               stores the sums as that part of the gradient of |M| floats
//   ranges_sgd|adagrad|rowwise_adagrad|adam    updates the floats (rows) that were touched
// No two warps write one float and every sum's order is fixed: the same bits every time, and the CPU's for
// the same dslots. Reads 8 bytes a record and 4 a float of dslots (whole sectors: chunks of dslots are
// consecutive).
#include "ops/embedding/addressing.cuh"
#include "optim/chunk_sort.cuh"
#include "optim/touched.cuh"

namespace {

using pss::kWholeWarp;
using pss::RangeArguments;
using pss::SortedChunk;

// Of a multiprocessor: leaves registers enough for all variants.
constexpr int kBlocks = 12;

extern __shared__ float shared_scratch[];

// What a lane knows of one record.
struct Place {
  int position;   // in the range
  uint32_t slot;  // in dslots
  int length;     // 0 where there is no record
};

// Chunks of one float, 32 at once. Those that meet in a float take turns in the order of their lanes.
__device__ void add_floats(float* scratch, const RangeArguments& a, const Place& mine) {
  const bool there = mine.length > 0;
  const float g = there ? a.dslots[mine.slot] + 0.0f : 0;
  const unsigned peers = __match_any_sync(kWholeWarp, there ? mine.position : -1);
  const int turn = __popc(peers & ((1u << threadIdx.x % 32) - 1));
  for (int now = 0; __any_sync(kWholeWarp, there && turn >= now); now++) {
    if (there && turn == now) scratch[mine.position] += g;
    __syncwarp();
  }
}

// `count` chunks, one after the other, in lines of a float a lane; four lines are read ahead of being added.
__device__ void add_lines(float* scratch, const RangeArguments& a, const Place& mine, uint32_t count) {
  constexpr uint32_t kAhead = 4;
  const uint32_t lines = count * a.by_lines.value;
  for (uint32_t line = 0; line < lines; line += kAhead) {
    float g[kAhead];
    int position[kAhead];
#pragma unroll
    for (uint32_t k = 0; k < kAhead; k++) {
      const uint32_t record = min((line + k) / a.by_lines, count - 1);
      const int s = static_cast<int>((line + k - record * a.by_lines.value) * 32 + threadIdx.x % 32);
      const uint32_t slot = __shfl_sync(kWholeWarp, mine.slot, record);
      const int length = __shfl_sync(kWholeWarp, mine.length, record);
      position[k] = __shfl_sync(kWholeWarp, mine.position, record) + s;
      if (s >= length || position[k] >= a.cut.floats) position[k] = -1;
      g[k] = position[k] >= 0 ? a.dslots[static_cast<int64_t>(slot) + s] + 0.0f : 0;
    }
#pragma unroll
    for (uint32_t k = 0; k < kAhead; k++) {
      if (position[k] >= 0) scratch[position[k]] += g[k];
      __syncwarp();
    }
  }
}

// All of the range's records, from `first` on; `end` is behind the last one at least.
__device__ void add_range(float* scratch, const RangeArguments& a, uint32_t range, uint32_t first,
                          uint32_t end) {
  uint32_t count = 32;
  for (; count == 32; first += 32) {
    Place mine{};
    if (first + threadIdx.x % 32 < end) {
      const SortedChunk record = a.records[first + threadIdx.x % 32];
      if (pss::range_of(record, a.cut) == range) {
        const pss::Chunk chunk = pss::chunk_place(a.chunks, record.chunk & ~pss::kNextRange);
        mine = {pss::position_in(record, range, a.cut, a.chunks.addressing.unit), chunk.slot,
                static_cast<int>(chunk.length)};
      }
    }
    count = __popc(__ballot_sync(kWholeWarp, mine.length > 0));
    if (count == 0) return;
    if (a.chunks.addressing.Z == 1) {
      add_floats(scratch, a, mine);
    } else {
      add_lines(scratch, a, mine, count);
    }
  }
}

// Calls finish(scratch, range's first float in M, its floats) for each range that begins in the warp's window
// of records; it must leave `empty` everywhere.
template <typename Finish>
__device__ void sum_ranges(const RangeArguments& a, float empty, const Finish& finish) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float* scratch = shared_scratch + warp * a.cut.floats;
  for (int i = lane; i < a.cut.floats; i += 32) scratch[i] = empty;
  __syncwarp();
  const uint32_t total = *a.total;
  const uint32_t first = (blockIdx.x * (blockDim.x / 32) + warp) * pss::kRangeWindow;
  const uint32_t index = first + lane;
  uint32_t range = 0;
  bool begins = false;
  if (lane < pss::kRangeWindow && index < total) {
    range = pss::range_of(a.records[index], a.cut);
    begins = index == 0 || pss::range_of(a.records[index - 1], a.cut) != range;
  }
  unsigned beginnings = __ballot_sync(kWholeWarp, begins);
  for (; beginnings != 0; beginnings &= beginnings - 1) {
    const int at = __ffs(beginnings) - 1;
    const uint32_t current = __shfl_sync(kWholeWarp, range, at);
    // The next range may begin in this window too; nothing behind that need be read.
    const unsigned later = beginnings & (beginnings - 1);
    add_range(scratch, a, current, first + at, later != 0 ? first + __ffs(later) - 1 : total);
    const int64_t place = static_cast<int64_t>(current) * a.cut.floats;
    finish(scratch, place,
           static_cast<int>(min(static_cast<int64_t>(a.cut.floats), a.target.floats - place)));
    __syncwarp();
  }
}

template <typename Rule>
__device__ void update_ranges(const RangeArguments& a) {
  const pss::StepControl control = *a.target.control;
  if (control.halted) return;
  sum_ranges(a, pss::untouched(), [&](float* scratch, int64_t place, int n) {
    for (int i = threadIdx.x % 32; i < n; i += 32) {
      const float g = scratch[i];
      if (!pss::is_touched(g)) continue;
      pss::update_one<Rule>(a.target.memory, g, a.target.state0, a.target.state1, place + i, a.target.l2,
                            a.target.constants, control);
      scratch[i] = pss::untouched();
    }
  });
}

}  // namespace

extern "C" __global__ void __launch_bounds__(32 * pss::kRangeWarps, kBlocks)
    ranges_dense(const __grid_constant__ RangeArguments a) {
  if (a.target.control->halted) return;
  sum_ranges(a, 0, [&](float* scratch, int64_t place, int n) {
    for (int i = threadIdx.x % 32; i < n; i += 32) {
      a.target.gradient[place + i] = scratch[i];
      scratch[i] = 0;
    }
  });
}

extern "C" __global__ void __launch_bounds__(32 * pss::kRangeWarps, kBlocks)
    ranges_sgd(const __grid_constant__ RangeArguments a) {
  update_ranges<pss::Sgd>(a);
}

extern "C" __global__ void __launch_bounds__(32 * pss::kRangeWarps, kBlocks)
    ranges_adagrad(const __grid_constant__ RangeArguments a) {
  update_ranges<pss::Adagrad>(a);
}

extern "C" __global__ void __launch_bounds__(32 * pss::kRangeWarps, kBlocks)
    ranges_adam(const __grid_constant__ RangeArguments a) {
  update_ranges<pss::Adam>(a);
}

extern "C" __global__ void __launch_bounds__(32 * pss::kRangeWarps, kBlocks)
    ranges_rowwise_adagrad(const __grid_constant__ RangeArguments a) {
  const pss::StepControl control = *a.target.control;
  if (control.halted) return;
  sum_ranges(a, pss::untouched(), [&](float* scratch, int64_t place, int n) {
    const int Z = a.target.row_floats;
    for (int first = 0; first < n; first += Z) {
      const int length = min(Z, n - first);
      bool touched = false;
      for (int i = threadIdx.x % 32; i < length; i += 32) {
        touched = touched || pss::is_touched(scratch[first + i]);
      }
      if (!__any_sync(kWholeWarp, touched)) continue;
      pss::update_row(a.target, scratch + first, (place + first) / Z, length, control.learning_rate,
                      pss::untouched());
    }
  });
}
