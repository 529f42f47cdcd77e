#include "backend/cpu/tiled_matmul.h"

#include <algorithm>
#include <dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/error.h"

namespace pss {

namespace {

using Dims = dnnl::memory::dims;
constexpr auto kF32 = dnnl::memory::data_type::f32;

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& thread_stream() {
  thread_local dnnl::stream stream(cpu_engine());
  return stream;
}

// oneDNN's own scratchpad belongs to a primitive, which several threads run at once here: each thread brings
// its own instead.
void* thread_scratchpad(size_t bytes) {
  thread_local AlignedBuffer<char> buffer;
  if (buffer.size() < bytes) buffer = AlignedBuffer<char>(bytes);
  return buffer.data();
}

// Tiles of at most 256 x 256 keep A's and B's panels in the L2 cache; small products are cut further so that
// there is work for several threads, but not below what a single-threaded call does well.
struct Tiling {
  int64_t m, n;
};

int64_t even_tile(int64_t size, int64_t most) {
  const int64_t tiles = (size + most - 1) / most;
  return std::min(size, pad_to_vector((size + tiles - 1) / tiles));
}

Tiling choose_tiling(int64_t m, int64_t n) {
  constexpr int64_t kTile = 256, kSmallest = 64, kTasks = 4;
  Tiling tiling = {even_tile(m, kTile), even_tile(n, kTile)};
  const auto tasks = [&] { return ((m + tiling.m - 1) / tiling.m) * ((n + tiling.n - 1) / tiling.n); };
  while (tasks() < kTasks && tiling.m >= 2 * kSmallest) tiling.m = even_tile(m, tiling.m / 2);
  while (tasks() < kTasks && tiling.n >= 2 * kSmallest) tiling.n = even_tile(n, tiling.n / 2);
  return tiling;
}

dnnl::memory::desc bias_desc(int64_t columns) {
  return {{1, columns}, kF32, dnnl::memory::format_tag::ab};
}

}  // namespace

// Everything for one set of sizes.
struct TiledMatmul::Plan {
  struct Pack {
    dnnl::reorder reorder;
    dnnl::memory from, to;
  };
  struct Tile {
    const dnnl::matmul* matmul;
    std::unordered_map<int, dnnl::memory> arguments;
    dnnl::memory scratchpad;  // one of the arguments
  };
  // What tiles of the same size in the same columns share.
  struct Shape {
    int64_t rows = 0;
    const dnnl::matmul* matmul = nullptr;
    dnnl::memory packed;
    dnnl::memory::desc scratchpad;
  };

  Plan(const Operands& operands, int64_t m, int64_t k, int64_t n);
  Shape make_shape(int64_t rows, int64_t n0, int64_t columns);
  void add_tile(const Shape& shape, int64_t m0, int64_t n0, int64_t columns);
  dnnl::memory::desc a_desc(int64_t rows) const { return {{rows, k}, kF32, Dims{a_stride, 1}}; }
  dnnl::memory::desc c_desc(int64_t rows, int64_t columns) const {
    return {{rows, columns}, kF32, Dims{operands.c_stride, 1}};
  }

  const Operands operands;
  const int64_t k, a_stride;
  std::vector<std::unique_ptr<dnnl::matmul>> matmuls;
  std::vector<Pack> packs;
  std::vector<Tile> tiles;  // column by column, so that neighbours share a packed panel
  bool packed = false;
};

TiledMatmul::Plan::Plan(const Operands& o, int64_t m, int64_t depth, int64_t n)
    : operands(o), k(depth), a_stride(o.a_stride ? o.a_stride : depth) {
  const Tiling tiling = choose_tiling(m, n);
  for (int64_t n0 = 0; n0 < n; n0 += tiling.n) {
    const int64_t columns = std::min(tiling.n, n - n0);
    Shape shape;  // of the full tiles, then of a shorter last one
    for (int64_t m0 = 0; m0 < m; m0 += tiling.m) {
      const int64_t rows = std::min(tiling.m, m - m0);
      if (shape.rows != rows) shape = make_shape(rows, n0, columns);
      add_tile(shape, m0, n0, columns);
    }
  }
}

TiledMatmul::Plan::Shape TiledMatmul::Plan::make_shape(int64_t rows, int64_t n0, int64_t columns) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (operands.relu) {
    dnnl::post_ops post;
    post.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    attributes.set_post_ops(post);
  }
  const dnnl::memory::desc any({k, columns}, kF32, dnnl::memory::format_tag::any);
  const auto description =
      operands.bias ? dnnl::matmul::desc(a_desc(rows), any, bias_desc(columns), c_desc(rows, columns))
                    : dnnl::matmul::desc(a_desc(rows), any, c_desc(rows, columns));
  const dnnl::matmul::primitive_desc primitive(description, attributes, cpu_engine());
  matmuls.push_back(std::make_unique<dnnl::matmul>(primitive));
  const dnnl::memory from({{k, columns}, kF32, Dims{operands.b_stride_k, operands.b_stride_n}}, cpu_engine(),
                          const_cast<float*>(operands.b + n0 * operands.b_stride_n));
  const dnnl::memory to(primitive.weights_desc(), cpu_engine());
  packs.push_back({dnnl::reorder(from, to), from, to});
  return {rows, matmuls.back().get(), to, primitive.scratchpad_desc()};
}

void TiledMatmul::Plan::add_tile(const Shape& shape, int64_t m0, int64_t n0, int64_t columns) {
  Tile tile{shape.matmul, {}, dnnl::memory(shape.scratchpad, cpu_engine(), nullptr)};
  tile.arguments.emplace(DNNL_ARG_SRC, dnnl::memory(a_desc(shape.rows), cpu_engine(),
                                                    const_cast<float*>(operands.a + m0 * a_stride)));
  tile.arguments.emplace(DNNL_ARG_WEIGHTS, shape.packed);
  tile.arguments.emplace(DNNL_ARG_DST, dnnl::memory(c_desc(shape.rows, columns), cpu_engine(),
                                                    operands.c + m0 * operands.c_stride + n0));
  tile.arguments.emplace(DNNL_ARG_SCRATCHPAD, tile.scratchpad);
  if (operands.bias) {
    tile.arguments.emplace(DNNL_ARG_BIAS, dnnl::memory(bias_desc(columns), cpu_engine(),
                                                       const_cast<float*>(operands.bias + n0)));
  }
  tiles.push_back(std::move(tile));
}

TiledMatmul::TiledMatmul(const ThreadTeam* team, const Operands& operands)
    : team_(team), operands_(operands) {}
TiledMatmul::~TiledMatmul() = default;

TiledMatmul::Plan& TiledMatmul::plan(int64_t m, int64_t k, int64_t n) {
  std::unique_ptr<Plan>& slot = plans_[{{m, k}, n}];
  if (slot) return *slot;
  try {
    slot = std::make_unique<Plan>(operands_, m, k, n);
  } catch (const dnnl::error& error) {
    throw Error("ERR_ONEDNN", "oneDNN can't multiply [" + std::to_string(m) + ", " + std::to_string(k) +
                                  "] by [" + std::to_string(k) + ", " + std::to_string(n) +
                                  "]: " + error.what() + ".");
  }
  return *slot;
}

bool TiledMatmul::packed(int64_t m, int64_t k, int64_t n) const {
  const auto found = plans_.find({{m, k}, n});
  return found != plans_.end() && found->second->packed;
}

void TiledMatmul::invalidate() {
  for (auto& [key, plan] : plans_) plan->packed = false;
}

void TiledMatmul::pack(int64_t m, int64_t k, int64_t n) {
  Plan& p = plan(m, k, n);
  team_->run(static_cast<int64_t>(p.packs.size()), [&](int64_t i) {
    Plan::Pack& pack = p.packs[i];
    pack.reorder.execute(thread_stream(), pack.from, pack.to);
  });
  p.packed = true;
}

void TiledMatmul::run(int64_t m, int64_t k, int64_t n) {
  Plan& p = plan(m, k, n);
  team_->run(static_cast<int64_t>(p.tiles.size()), [&](int64_t i) {
    Plan::Tile& tile = p.tiles[i];
    tile.scratchpad.set_data_handle(thread_scratchpad(tile.scratchpad.get_desc().get_size()));
    tile.matmul->execute(thread_stream(), tile.arguments);
  });
}

OneDnnInfo onednn_info() {
  const dnnl_version_t* version = dnnl_version();
  const char* isa = "generic";
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx2:
    case dnnl::cpu_isa::avx2_vnni:
      isa = "avx2";
      break;
    case dnnl::cpu_isa::avx512_core:
    case dnnl::cpu_isa::avx512_core_vnni:
      isa = "avx512_core";
      break;
    case dnnl::cpu_isa::avx512_core_bf16:
      isa = "avx512_core_bf16";
      break;
    case dnnl::cpu_isa::avx512_core_amx:
      isa = "avx512_core_amx";
      break;
    default:
      break;
  }
  return {version->major, version->minor, version->patch, isa};
}

}  // namespace pss
