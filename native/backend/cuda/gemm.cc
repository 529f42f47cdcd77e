#include "backend/cuda/gemm.h"

#include <algorithm>
#include <string>

#include "backend/cuda/launch.h"
#include "base/bf16.h"

namespace pss {

namespace {

// Large tiles move half the bytes, but only from here on are there enough of them to fill a GPU of about 100
// multiprocessors.
constexpr int64_t kEnoughTiles = 96;
// Sums are split until there are about this many tiles, in parts of at least this many k.
constexpr int64_t kWantedTiles = 216, kLeastSplit = 256;

const char* layout_name(GemmLayout layout) {
  if (layout == GemmLayout::kKContiguous) return "cc";
  return layout == GemmLayout::kKContiguousInA ? "cs" : "ss";
}

int64_t tiles_of(int64_t tile, int64_t m, int64_t n) {
  return static_cast<int64_t>(blocks_for(m, tile)) * blocks_for(n, tile);
}

GemmElement element_of(const CudaOpContext& context) {
  if (context.bf16) return GemmElement::kBf16;
  return context.tf32 ? GemmElement::kTf32 : GemmElement::kF32;
}

const char* element_name(GemmElement element) {
  if (element == GemmElement::kBf16) return "bf16";
  return element == GemmElement::kTf32 ? "tf32" : "f32";
}

}  // namespace

CudaGemm::CudaGemm(const CudaOpContext& context, GemmLayout layout, int64_t max_m, int64_t n)
    : context_(context),
      layout_(layout),
      element_(element_of(context)),
      // Before 8.0 a block hasn't the shared memory for large tiles.
      may_be_large_(context.device->compute_capability() >= 80),
      prefers_library_(context.library && prefers_cublaslt(element_ != GemmElement::kF32,
                                                           context.device->compute_capability())) {
  const auto load = [&](const std::string& size, int tile) {
    const std::string variant = std::string(element_name(element_)) + "_" + size;
    return context.device->kernel("gemm_" + variant + "_kernel",
                                  std::string("gemm_") + layout_name(layout) + "_" + variant,
                                  gemm_shared_bytes(tile));
  };
  small_ = load("small", kGemmSmallTile);
  if (takes_large(max_m, n)) large_ = load("large", kGemmLargeTile);
}

bool CudaGemm::takes_large(int64_t m, int64_t n) const {
  return may_be_large_ && tiles_of(kGemmLargeTile, m, n) >= kEnoughTiles;
}

unsigned CudaGemm::most_splits(int64_t m, int64_t n, int64_t max_k) const {
  const int64_t tiles = tiles_of(takes_large(m, n) ? kGemmLargeTile : kGemmSmallTile, m, n);
  return static_cast<unsigned>(
      std::clamp(kWantedTiles / tiles, int64_t{1}, std::max(max_k / kLeastSplit, int64_t{1})));
}

CudaGemm::Plan CudaGemm::plan(const GemmArguments& p, GemmEnd end) const {
  if (prefers_library_ && end != GemmEnd::kEpilogue && context_.library->can_multiply(layout_, element_, p)) {
    return {.library = true, .large = false, .row_blocks = 1, .splits = 1, .k_per_split = p.k};
  }
  const bool large = takes_large(p.m, p.n);
  const int64_t splits = end == GemmEnd::kPlainInParts ? most_splits(p.m, p.n, p.k) : 1;
  const int64_t stage = kGemmRowBytes / (context_.bf16 ? sizeof(Bf16) : sizeof(float));
  const int64_t part = std::max<int64_t>(blocks_for(blocks_for(p.k, splits), stage), 1) * stage;
  return {false, large, blocks_for(p.m, large ? kGemmLargeTile : kGemmSmallTile), blocks_for(p.k, part),
          static_cast<int32_t>(part)};
}

void CudaGemm::run(GemmArguments arguments, const Plan& plan) const {
  if (plan.library) return context_.library->multiply(layout_, element_, arguments);
  const int tile = plan.large ? kGemmLargeTile : kGemmSmallTile;
  arguments.k_per_split = plan.k_per_split;
  launch(plan.large ? large_ : small_,
         {.grid_x = blocks_for(arguments.n, tile),
          .grid_y = plan.row_blocks,
          .grid_z = plan.splits,
          .threads = static_cast<unsigned>(plan.large ? kGemmLargeThreads : kGemmSmallThreads),
          .shared_bytes = static_cast<unsigned>(gemm_shared_bytes(tile))},
         *context_.stream, arguments);
}

}  // namespace pss
