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

}  // namespace

struct TiledMatmul::Plan {
  struct Pack {
    dnnl::reorder reorder;
    dnnl::memory from, to;
  };
  struct Tile {
    const dnnl::matmul* matmul;
    std::unordered_map<int, dnnl::memory> arguments;
  };
  std::vector<std::unique_ptr<dnnl::matmul>> matmuls;
  std::vector<Pack> packs;  // one for each tile of columns
  std::vector<Tile> tiles;  // column by column, so that neighbours share a packed panel
  bool packed = false;
};

TiledMatmul::TiledMatmul(const ThreadTeam* team, const Operands& operands)
    : team_(team), operands_(operands) {}
TiledMatmul::~TiledMatmul() = default;

TiledMatmul::Plan& TiledMatmul::plan(int64_t m, int64_t k, int64_t n) {
  std::unique_ptr<Plan>& slot = plans_[{{m, k}, n}];
  if (slot) return *slot;
  slot = std::make_unique<Plan>();
  Plan& plan = *slot;
  const Operands& o = operands_;
  const Tiling tiling = choose_tiling(m, n);
  const int64_t a_stride = o.a_stride ? o.a_stride : k;
  const dnnl::engine& engine = cpu_engine();
  try {
    for (int64_t n0 = 0; n0 < n; n0 += tiling.n) {
      const int64_t columns = std::min(tiling.n, n - n0);
      const dnnl::memory::desc any({k, columns}, kF32, dnnl::memory::format_tag::any);
      std::map<int64_t, std::pair<const dnnl::matmul*, dnnl::memory>>
          by_rows;  // a full tile and a last, shorter one
      for (int64_t m0 = 0; m0 < m; m0 += tiling.m) {
        const int64_t rows = std::min(tiling.m, m - m0);
        const dnnl::memory::desc a({rows, k}, kF32, Dims{a_stride, 1});
        const dnnl::memory::desc c({rows, columns}, kF32, Dims{o.c_stride, 1});
        const dnnl::memory::desc bias({1, columns}, kF32, dnnl::memory::format_tag::ab);
        auto found = by_rows.find(rows);
        if (found == by_rows.end()) {
          dnnl::primitive_attr attributes;
          if (o.relu) {
            dnnl::post_ops post;
            post.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
            attributes.set_post_ops(post);
          }
          const auto description =
              o.bias ? dnnl::matmul::desc(a, any, bias, c) : dnnl::matmul::desc(a, any, c);
          const dnnl::matmul::primitive_desc primitive(description, attributes, engine);
          plan.matmuls.push_back(std::make_unique<dnnl::matmul>(primitive));
          const dnnl::memory from({{k, columns}, kF32, Dims{o.b_stride_k, o.b_stride_n}}, engine,
                                  const_cast<float*>(o.b + n0 * o.b_stride_n));
          const dnnl::memory to(primitive.weights_desc(), engine);
          plan.packs.push_back({dnnl::reorder(from, to), from, to});
          found = by_rows.emplace(rows, std::make_pair(plan.matmuls.back().get(), to)).first;
        }
        Plan::Tile tile{found->second.first, {}};
        tile.arguments.emplace(DNNL_ARG_SRC,
                               dnnl::memory(a, engine, const_cast<float*>(o.a + m0 * a_stride)));
        tile.arguments.emplace(DNNL_ARG_WEIGHTS, found->second.second);
        tile.arguments.emplace(DNNL_ARG_DST, dnnl::memory(c, engine, o.c + m0 * o.c_stride + n0));
        if (o.bias) {
          tile.arguments.emplace(DNNL_ARG_BIAS, dnnl::memory(bias, engine, const_cast<float*>(o.bias + n0)));
        }
        plan.tiles.push_back(std::move(tile));
      }
    }
  } catch (const dnnl::error& error) {
    throw Error("ERR_ONEDNN", "oneDNN can't multiply [" + std::to_string(m) + ", " + std::to_string(k) +
                                  "] by [" + std::to_string(k) + ", " + std::to_string(n) +
                                  "]: " + error.what() + ".");
  }
  return plan;
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
  const Plan& p = plan(m, k, n);
  team_->run(static_cast<int64_t>(p.tiles.size()),
             [&](int64_t i) { p.tiles[i].matmul->execute(thread_stream(), p.tiles[i].arguments); });
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
