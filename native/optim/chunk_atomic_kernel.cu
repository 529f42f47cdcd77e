// A batch's gradient added to a gradient array of |M| floats in whatever order threads come, for runs that
// needn't be the same bits every time. Chunks are hashed again; nothing is stored for a float of the slots.
//
//   scatter_add                                gradient[place] += dslots, atomically
//   touched_sgd|adagrad|adam                   whoever first comes to a float that was touched takes its sum
//   away
//                                              and updates it
//   touched_rowwise_adagrad                    the same by rows: the first warp to claim a row updates all of
//   it
// The array is left as it was found, all untouched, so no pass clears it. Bytes a float of the slots: 4 read
// and an atomic addition; 4 and an atomic exchange.
#include "ops/embedding/addressing.cuh"
#include "optim/touched.cuh"

namespace {

using pss::kWholeWarp;
using pss::ScatterArguments;

__device__ uint32_t first_chunk() {
  return blockIdx.x * pss::kScatterThreads + threadIdx.x / 32 * 32;
}

// First and last row of rowwise-adagrad that a chunk lies in.
__device__ void rows_of(const ScatterArguments& a, const pss::Chunk& chunk, int64_t& first, int64_t& last) {
  const int64_t place = static_cast<int64_t>(chunk.start) * a.chunks.addressing.unit;
  first = place / a.target.row_floats;
  last = (place + chunk.length - 1) / a.target.row_floats;
}

template <typename Rule>
__device__ void update_touched(const ScatterArguments& a) {
  const pss::StepControl control = *a.target.control;
  if (control.halted) return;
  pss::walk_chunks<1>(a.chunks, first_chunk(), [&](int64_t place, int64_t) {
    const float g = atomicExch(a.target.gradient + place, pss::untouched());
    if (!pss::is_touched(g)) return;
    pss::update_one<Rule>(a.target.memory, g, a.target.state0, a.target.state1, place, a.target.l2,
                          a.target.constants, control);
  });
}

}  // namespace

extern "C" __global__ void __launch_bounds__(pss::kScatterThreads)
    scatter_add(const __grid_constant__ ScatterArguments a) {
  if (a.target.control->halted) return;
  const uint32_t k = blockIdx.x * pss::kScatterThreads + threadIdx.x;
  if (a.claims && k < a.chunks.count) {
    int64_t row, last;
    rows_of(a, pss::locate_chunk(a.chunks, k), row, last);
    for (; row <= last; row++) a.claims[row] = 0;
  }
  pss::walk_chunks<1>(a.chunks, first_chunk(), [&](int64_t place, int64_t slot) {
    atomicAdd(a.target.gradient + place, a.dslots[slot] + 0.0f);
  });
}

extern "C" __global__ void __launch_bounds__(pss::kScatterThreads)
    touched_sgd(const __grid_constant__ ScatterArguments a) {
  update_touched<pss::Sgd>(a);
}

// Registers for six blocks of a multiprocessor: the compiler's own choice, for eight, spills.
extern "C" __global__ void __launch_bounds__(pss::kScatterThreads, 6)
    touched_adagrad(const __grid_constant__ ScatterArguments a) {
  update_touched<pss::Adagrad>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kScatterThreads)
    touched_adam(const __grid_constant__ ScatterArguments a) {
  update_touched<pss::Adam>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kScatterThreads)
    touched_rowwise_adagrad(const __grid_constant__ ScatterArguments a) {
  const pss::StepControl control = *a.target.control;
  if (control.halted) return;
  const uint32_t k = first_chunk() + threadIdx.x % 32;
  int64_t first = 0, last = -1;
  if (k < a.chunks.count) rows_of(a, pss::locate_chunk(a.chunks, k), first, last);
  const int Z = a.target.row_floats;
  // A chunk lies in one row, or in two neighbours.
  for (int next = 0; next < 2; next++) {
    const int64_t own = first + next;
    const bool won = own <= last && atomicExch(a.claims + own, 1u) == 0;
    for (unsigned winners = __ballot_sync(kWholeWarp, won); winners != 0; winners &= winners - 1) {
      const int64_t row = __shfl_sync(kWholeWarp, own, __ffs(winners) - 1);
      const int n = static_cast<int>(min(static_cast<int64_t>(Z), a.target.floats - row * Z));
      pss::update_row(a.target, a.target.gradient + row * Z, row, n, control.learning_rate, pss::untouched());
    }
  }
}
