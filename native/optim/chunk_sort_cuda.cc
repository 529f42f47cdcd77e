#include "optim/chunk_sort_cuda.h"

#include <algorithm>
#include <bit>

#include "backend/cuda/launch.h"

namespace pss {

namespace {

uint64_t last_range(const Addressing& addressing, const RangeCut& cut) {
  return static_cast<uint64_t>((addressing.memory_size - 1) / cut.floats);
}

}  // namespace

ChunkSortCuda::ChunkSortCuda(const CudaOpContext& context, const Addressing& addressing, const RangeCut& cut)
    : context_(context),
      cut_(cut),
      straddles_(addressing.unit < addressing.Z),
      bits_(std::max(static_cast<int>(std::bit_width(last_range(addressing, cut))), 1)),
      passes_((bits_ + kSortBits - 1) / kSortBits) {
  const auto kernel = [&](const char* name) { return context.device->kernel("chunk_sort_kernel", name); };
  count_first_ = kernel("chunk_count_first");
  count_rest_ = kernel("chunk_count_rest");
  scan_ = kernel("chunk_scan");
  scatter_first_ = kernel("chunk_scatter_first");
  scatter_rest_ = kernel("chunk_scatter_rest");
  const int64_t items = context.max_batch * addressing.T * addressing.chunks * (straddles_ ? 2 : 1);
  const auto memory = [&](int64_t bytes) { return CudaMemory(static_cast<size_t>(bytes), *context.stream); };
  for (int i = 0; i < std::min(passes_, 2); i++) {
    records_[i] = memory(items * static_cast<int64_t>(sizeof(SortedChunk)));
  }
  counts_ = memory((int64_t{blocks_for(items, kSortTile)} << kSortBits) * 4);
  total_ = memory(4);
}

void ChunkSortCuda::run(const ChunkList& chunks) {
  ChunkSortArguments arguments{};
  arguments.counts = counts_.as<uint32_t>();
  arguments.total = total_.as<uint32_t>();
  arguments.control = context_.control;
  arguments.chunks = chunks;
  arguments.cut = cut_;
  arguments.straddles = straddles_;
  arguments.tiles = blocks_for(most(chunks), kSortTile);
  const int digits = (bits_ + passes_ - 1) / passes_;
  const LaunchShape shape{.grid_x = arguments.tiles, .threads = kSortThreads};
  for (int pass = 0; pass < passes_; pass++) {
    arguments.in = pass > 0 ? records_[(pass + 1) % 2].as<SortedChunk>() : nullptr;
    arguments.out = records_[pass % 2].as<SortedChunk>();
    arguments.shift = pass * digits;
    arguments.bits = std::min(digits, bits_ - arguments.shift);
    launch(pass > 0 ? count_rest_ : count_first_, shape, *context_.stream, arguments);
    launch(scan_, {.threads = kScanThreads}, *context_.stream, arguments);
    launch(pass > 0 ? scatter_rest_ : scatter_first_, shape, *context_.stream, arguments);
  }
}

}  // namespace pss
