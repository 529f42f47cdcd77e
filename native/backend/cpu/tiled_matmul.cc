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

// Rows of a tile: eight tiles keep a few threads busy; fewer than 64 rows don't fill oneDNN's kernels, and
// with more than 256 A's panel leaves the L2 cache. Tiles have all columns, because oneDNN's fast kernels
// write dense rows only.
int64_t tile_rows(int64_t m) {
  constexpr int64_t kTasks = 8, kFewest = 64, kMost = 256;
  return std::clamp(pad_to_vector((m + kTasks - 1) / kTasks), kFewest, kMost);
}

// Columns packed by one task: whole blocks of every layout that oneDNN chooses.
constexpr int64_t kPackColumns = 128;

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

  Plan(const Operands& operands, int64_t m, int64_t k, int64_t n);
  void add_tile(const dnnl::matmul::primitive_desc& primitive, const dnnl::memory& packed, int64_t first);
  void add_packs(const dnnl::memory& packed);
  dnnl::matmul::primitive_desc make_primitive(int64_t rows, const dnnl::memory::desc& b) const;

  const Operands operands;
  const int64_t k, n, a_stride;
  std::vector<std::unique_ptr<dnnl::matmul>> matmuls;  // of the full tiles, then of a shorter last one
  std::vector<Pack> packs;
  std::vector<Tile> tiles;
  bool packed = false;
};

TiledMatmul::Plan::Plan(const Operands& o, int64_t m, int64_t depth, int64_t columns)
    : operands(o), k(depth), n(columns), a_stride(o.a_stride ? o.a_stride : depth) {
  const int64_t most = std::min(m, tile_rows(m)), rest = m % most;
  auto primitive = make_primitive(most, {{k, n}, kF32, dnnl::memory::format_tag::any});
  const dnnl::memory to(primitive.weights_desc(), cpu_engine());
  matmuls.push_back(std::make_unique<dnnl::matmul>(primitive));
  for (int64_t first = 0; first + most <= m; first += most) add_tile(primitive, to, first);
  if (rest > 0) {
    primitive = make_primitive(rest, to.get_desc());
    matmuls.push_back(std::make_unique<dnnl::matmul>(primitive));
    add_tile(primitive, to, m - rest);
  }
  add_packs(to);
}

dnnl::matmul::primitive_desc TiledMatmul::Plan::make_primitive(int64_t rows,
                                                               const dnnl::memory::desc& b) const {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (operands.relu) {
    dnnl::post_ops post;
    post.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    attributes.set_post_ops(post);
  }
  const dnnl::memory::desc a({rows, k}, kF32, Dims{a_stride, 1});
  const dnnl::memory::desc c({rows, n}, kF32, Dims{operands.c_stride, 1});
  const auto description =
      operands.bias ? dnnl::matmul::desc(a, b, bias_desc(n), c) : dnnl::matmul::desc(a, b, c);
  return {description, attributes, cpu_engine()};
}

void TiledMatmul::Plan::add_tile(const dnnl::matmul::primitive_desc& primitive, const dnnl::memory& packed,
                                 int64_t first) {
  const auto view = [&](const dnnl::memory::desc& desc, const float* data) {
    return dnnl::memory(desc, cpu_engine(), const_cast<float*>(data));
  };
  Tile tile{matmuls.back().get(), {}, view(primitive.scratchpad_desc(), nullptr)};
  tile.arguments = {{DNNL_ARG_SRC, view(primitive.src_desc(), operands.a + first * a_stride)},
                    {DNNL_ARG_WEIGHTS, packed},
                    {DNNL_ARG_DST, view(primitive.dst_desc(), operands.c + first * operands.c_stride)},
                    {DNNL_ARG_SCRATCHPAD, tile.scratchpad}};
  if (operands.bias) tile.arguments.emplace(DNNL_ARG_BIAS, view(bias_desc(n), operands.bias));
  tiles.push_back(std::move(tile));
}

void TiledMatmul::Plan::add_packs(const dnnl::memory& packed) {
  for (int64_t first = 0; first < n; first += kPackColumns) {
    const int64_t columns = std::min(kPackColumns, n - first);
    const dnnl::memory from({{k, columns}, kF32, Dims{operands.b_stride_k, operands.b_stride_n}},
                            cpu_engine(), const_cast<float*>(operands.b + first * operands.b_stride_n));
    const dnnl::memory to(packed.get_desc().submemory_desc({k, columns}, {0, first}), cpu_engine(),
                          packed.get_data_handle());
    packs.push_back({dnnl::reorder(from, to), from, to});
  }
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
