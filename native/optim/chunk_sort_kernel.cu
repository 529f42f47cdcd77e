// A stable radix sort of a batch's chunks by the range of M they lie in; one that crosses a border is listed
// in both ranges, so that each range's list has all that touches it, in (b, t, c) order. Least digit first,
// up to 8 bits a pass, each pass in three launches:
//
//   chunk_count_first|rest    each block counts the digits of its tile of 2048 items
//   chunk_scan                one block turns the counts, digit by digit and tile by tile, into places
//   chunk_scatter_first|rest  ranks within a warp by matching digits, then by warp; the tile is put in order
//   in
//                             shared memory, so that records of one digit are written side by side
// Ranks depend on the order of items alone: the same list every time. The first pass makes the records: it
// hashes the ids, which is cheaper than to store and read starts. Bytes a record: 8 written by the first
// pass, 24 moved by each later one.
#include "ops/embedding/addressing.cuh"
#include "optim/chunk_sort.cuh"

namespace {

using pss::ChunkSortArguments;
using pss::kSortThreads;
using pss::kSortTile;
using pss::kWholeWarp;
using pss::SortedChunk;

constexpr int kWarps = kSortThreads / 32;
constexpr int kBins = 1 << pss::kSortBits;
static_assert(kBins == kSortThreads, "a thread is also a digit");

// Item `index` of the pass; false where there is none.
template <bool kFirst>
__device__ bool load_item(const ChunkSortArguments& a, uint32_t index, uint32_t count, SortedChunk& record) {
  if (index >= count) return false;
  if (!kFirst) {
    record = a.in[index];
    return true;
  }
  const uint32_t k = a.straddles ? index / 2 : index;
  const pss::Chunk chunk = pss::locate_chunk(a.chunks, k);
  record = {chunk.start, k};
  if (!a.straddles || index % 2 == 0) return true;
  const uint32_t range = pss::range_of(record, a.cut);
  record.chunk |= pss::kNextRange;
  return pss::position_in(record, range, a.cut, a.chunks.addressing.unit) + chunk.length > a.cut.floats;
}

template <bool kFirst>
__device__ uint32_t item_count(const ChunkSortArguments& a) {
  if (!kFirst) return *a.total;
  return a.straddles ? 2 * a.chunks.count : a.chunks.count;
}

__device__ uint32_t digit_of(const SortedChunk& record, const ChunkSortArguments& a) {
  return pss::range_of(record, a.cut) >> a.shift & ((1u << a.bits) - 1);
}

// Sum over the lanes up to this one.
__device__ uint32_t scan_warp(uint32_t value) {
  const int lane = threadIdx.x % 32;
  for (int offset = 1; offset < 32; offset *= 2) {
    const uint32_t before = __shfl_up_sync(kWholeWarp, value, offset);
    if (lane >= offset) value += before;
  }
  return value;
}

// Sum over the block's threads before this one, and over all. `sums` has one word a warp; may be called again
// after a barrier.
template <int kThreads>
__device__ uint32_t scan_block(uint32_t value, uint32_t* sums, uint32_t& total) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const uint32_t inclusive = scan_warp(value);
  if (lane == 31) sums[warp] = inclusive;
  __syncthreads();
  const uint32_t of_warps = scan_warp(lane < kThreads / 32 ? sums[lane] : 0);
  total = __shfl_sync(kWholeWarp, of_warps, 31);
  const uint32_t before = __shfl_sync(kWholeWarp, of_warps, (warp + 31) % 32);
  return (warp > 0 ? before : 0) + inclusive - value;
}

template <bool kFirst>
__device__ void count(const ChunkSortArguments& a) {
  if (a.control->halted) return;
  __shared__ uint32_t bins[kBins];
  const int thread = threadIdx.x;
  bins[thread] = 0;
  __syncthreads();
  const uint32_t items = item_count<kFirst>(a);
  for (int round = 0; round < pss::kSortRounds; round++) {
    SortedChunk record;
    if (load_item<kFirst>(a, blockIdx.x * kSortTile + round * kSortThreads + thread, items, record)) {
      atomicAdd(&bins[digit_of(record, a)], 1u);
    }
  }
  __syncthreads();
  if (thread < 1 << a.bits) a.counts[thread * a.tiles + blockIdx.x] = bins[thread];
}

template <bool kFirst>
__device__ void scatter(const ChunkSortArguments& a) {
  if (a.control->halted) return;
  __shared__ uint32_t ranks[kWarps][kBins];  // a warp's items of a digit; then those of the warps before it
  __shared__ uint32_t starts[kBins], places[kBins], sums[kWarps];
  __shared__ SortedChunk ordered[kSortTile];
  const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
  for (int w = 0; w < kWarps; w++) ranks[w][thread] = 0;
  __syncthreads();
  const uint32_t items = item_count<kFirst>(a);
  const uint32_t first = blockIdx.x * kSortTile + warp * (kSortTile / kWarps) + lane;
  SortedChunk records[pss::kSortRounds];
  uint32_t in_warp[pss::kSortRounds];  // an item's place among its warp's of the same digit; or none
#pragma unroll
  for (int round = 0; round < pss::kSortRounds; round++) {
    const bool there = load_item<kFirst>(a, first + 32 * round, items, records[round]);
    const uint32_t digit = there ? digit_of(records[round], a) : kBins;
    const unsigned peers = __match_any_sync(kWholeWarp, digit);
    const uint32_t before = there ? ranks[warp][digit] : 0;
    const uint32_t among = __popc(peers & ((1u << lane) - 1));
    __syncwarp();
    if (there && among == 0) ranks[warp][digit] = before + __popc(peers);
    __syncwarp();
    in_warp[round] = there ? before + among : kSortTile;
  }
  __syncthreads();
  uint32_t of_digit = 0, in_tile = 0;
  for (int w = 0; w < kWarps; w++) {
    const uint32_t own = ranks[w][thread];
    ranks[w][thread] = of_digit;
    of_digit += own;
  }
  starts[thread] = scan_block<kSortThreads>(of_digit, sums, in_tile);
  if (thread < 1 << a.bits) places[thread] = a.counts[thread * a.tiles + blockIdx.x] - starts[thread];
  __syncthreads();
#pragma unroll
  for (int round = 0; round < pss::kSortRounds; round++) {
    if (in_warp[round] == kSortTile) continue;
    const uint32_t digit = digit_of(records[round], a);
    ordered[starts[digit] + ranks[warp][digit] + in_warp[round]] = records[round];
  }
  __syncthreads();
  for (uint32_t i = thread; i < in_tile; i += kSortThreads) {
    const SortedChunk record = ordered[i];
    a.out[places[digit_of(record, a)] + i] = record;
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kSortThreads)
    chunk_count_first(const __grid_constant__ ChunkSortArguments a) {
  count<true>(a);
}

extern "C" __global__ void __launch_bounds__(kSortThreads)
    chunk_count_rest(const __grid_constant__ ChunkSortArguments a) {
  count<false>(a);
}

extern "C" __global__ void __launch_bounds__(pss::kScanThreads)
    chunk_scan(const __grid_constant__ ChunkSortArguments a) {
  if (a.control->halted) return;
  constexpr uint32_t kEach = 4;
  __shared__ uint32_t sums[pss::kScanThreads / 32];
  const uint32_t count = a.tiles << a.bits;
  uint32_t carry = 0;
  for (uint32_t tile = 0; tile < count; tile += kEach * pss::kScanThreads) {
    const uint32_t first = tile + kEach * threadIdx.x;
    uint32_t values[kEach], sum = 0;
#pragma unroll
    for (uint32_t i = 0; i < kEach; i++) sum += values[i] = first + i < count ? a.counts[first + i] : 0;
    uint32_t total = 0;
    uint32_t place = carry + scan_block<pss::kScanThreads>(sum, sums, total);
#pragma unroll
    for (uint32_t i = 0; i < kEach; i++) {
      if (first + i < count) a.counts[first + i] = place;
      place += values[i];
    }
    carry += total;
    __syncthreads();
  }
  if (threadIdx.x == 0) *a.total = carry;
}

extern "C" __global__ void __launch_bounds__(kSortThreads)
    chunk_scatter_first(const __grid_constant__ ChunkSortArguments a) {
  scatter<true>(a);
}

extern "C" __global__ void __launch_bounds__(kSortThreads)
    chunk_scatter_rest(const __grid_constant__ ChunkSortArguments a) {
  scatter<false>(a);
}
