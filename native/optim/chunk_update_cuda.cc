#include "optim/chunk_update_cuda.h"

#include <algorithm>
#include <bit>
#include <string>

#include "backend/cuda/launch.h"

namespace pss {

namespace {

// Shared memory that a block may have without asking.
constexpr int64_t kScratchFloats = (48 << 10) / 4;

RangeCut range_cut(const Addressing& addressing) {
  const int64_t Z = addressing.Z;
  const int64_t floats = (kRangeFloats + Z - 1) / Z * Z;
  if (floats > kScratchFloats) {
    throw Error("ERR_GRAPH", "Chunks of " + std::to_string(Z) + " floats are too long for a GPU; at most " +
                                 std::to_string(kScratchFloats) + " are possible.");
  }
  return {make_divisor(floats / addressing.unit), static_cast<int32_t>(floats)};
}

std::string rule_name(OptimizerKind kind, bool rowwise) {
  if (kind == OptimizerKind::kSgd) return "sgd";
  if (kind == OptimizerKind::kAdam) return "adam";
  return rowwise ? "rowwise_adagrad" : "adagrad";
}

}  // namespace

ChunkUpdateCuda::ChunkUpdateCuda(const CudaOpContext& context, const Addressing& addressing,
                                 const OptimizerSpec& spec, bool dense, float l2)
    : context_(context),
      addressing_(context, addressing),
      constants_{spec.beta1, spec.beta2, spec.epsilon},
      dense_(dense),
      rowwise_(spec.kind == OptimizerKind::kRowwiseAdagrad && addressing.Z > 1),
      memory_size_(addressing.memory_size),
      l2_(l2),
      cut_(range_cut(addressing)),
      range_warps_(cut_.floats * kRangeWarps <= kScratchFloats ? kRangeWarps : 1) {
  const std::string rule = rule_name(spec.kind, rowwise_);
  const auto kernel = [&](const char* module, const std::string& name) {
    return context.device->kernel(module, name);
  };
  if (context.deterministic) {
    sort_ = std::make_unique<ChunkSortCuda>(context, addressing, cut_);
    ranges_ = kernel("chunk_range_kernel", dense ? "ranges_dense" : "ranges_" + rule);
  } else {
    scatter_add_ = kernel("chunk_atomic_kernel", "scatter_add");
    if (!dense) touched_ = kernel("chunk_atomic_kernel", "touched_" + rule);
    if (!dense && rowwise_) {
      claims_ = CudaMemory(static_cast<size_t>((memory_size_ + addressing.Z - 1) / addressing.Z) * 4,
                           *context.stream);
    }
  }
  if (dense) memory_update_ = kernel("memory_update_kernel", "memory_" + rule);
  if (!dense && context.deterministic) return;
  const auto floats = static_cast<size_t>(memory_size_);
  gradient_ = CudaMemory(floats * sizeof(float), *context.stream);
  if (!dense) fill_words(gradient_.data(), std::bit_cast<uint32_t>(kUntouched), floats, *context.stream);
}

void ChunkUpdateCuda::apply(float* memory, float* state0, float* state1, const uint32_t* ids,
                            const float* dslots, int64_t ld, int64_t B) {
  const MemoryTarget target{memory,
                            state0,
                            state1,
                            gradient_.as<float>(),
                            context_.control,
                            memory_size_,
                            addressing_.arguments().Z,
                            constants_,
                            l2_};
  const ChunkList chunks = addressing_.list(ids, B, ld, 1);
  if (sort_) {
    sum_ranges(target, dslots, chunks);
  } else {
    scatter(target, dslots, chunks);
  }
  if (dense_) update_memory(target);
}

void ChunkUpdateCuda::sum_ranges(const MemoryTarget& target, const float* dslots, const ChunkList& chunks) {
  sort_->run(chunks);
  const AddressingArguments& a = chunks.addressing;
  launch(ranges_,
         {.grid_x = blocks_for(sort_->most(chunks), kRangeWindow * range_warps_),
          .threads = 32 * range_warps_,
          .shared_bytes = range_warps_ * static_cast<unsigned>(cut_.floats) * 4},
         *context_.stream,
         RangeArguments{target, sort_->sorted(), sort_->total(), dslots, chunks, cut_,
                        make_divisor((std::min(a.Z, a.D) + 31) / 32)});
}

void ChunkUpdateCuda::scatter(const MemoryTarget& target, const float* dslots, const ChunkList& chunks) {
  const ScatterArguments arguments{target, dslots, chunks, claims_.as<uint32_t>()};
  const LaunchShape shape{.grid_x = blocks_for(chunks.count, kScatterThreads), .threads = kScatterThreads};
  launch(scatter_add_, shape, *context_.stream, arguments);
  if (touched_) launch(touched_, shape, *context_.stream, arguments);
}

void ChunkUpdateCuda::update_memory(const MemoryTarget& target) {
  const int64_t items =
      rowwise_ ? (target.floats + target.row_floats - 1) / target.row_floats * 32 : (target.floats + 3) / 4;
  launch(memory_update_, {.grid_x = blocks_for(items, kMemoryThreads), .threads = kMemoryThreads},
         *context_.stream, MemoryUpdateArguments{target});
}

}  // namespace pss
