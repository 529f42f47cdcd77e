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
  AlignedBuffer<char> packed;  // B; of our own, for its huge pages
};

TiledMatmul::Plan::Plan(const Operands& o, int64_t m, int64_t depth, int64_t columns)
    : operands(o), k(depth), n(columns), a_stride(o.a_stride ? o.a_stride : depth) {
  const int64_t most = std::min(m, row_block(m)), rest = m % most;
  auto primitive = make_primitive(most, {{k, n}, kF32, dnnl::memory::format_tag::any});
  packed = AlignedBuffer<char>(primitive.weights_desc().get_size());
  const dnnl::memory to(primitive.weights_desc(), cpu_engine(), packed.data());
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

void TiledMatmul::Plan::add_packs(const dnnl::memory& whole) {
  const int64_t rows = operands.b_by_rows ? row_block(k) : k;
  const int64_t columns = operands.b_by_rows ? n : kPackColumns;
  for (int64_t row = 0; row < k; row += rows) {
    for (int64_t column = 0; column < n; column += columns) {
      const Dims size = {std::min(rows, k - row), std::min(columns, n - column)};
      const float* b = operands.b + row * operands.b_stride_k + column * operands.b_stride_n;
      const dnnl::memory from({size, kF32, Dims{operands.b_stride_k, operands.b_stride_n}}, cpu_engine(),
                              const_cast<float*>(b));
      const dnnl::memory to(whole.get_desc().submemory_desc(size, {row, column}), cpu_engine(),
                            whole.get_data_handle());
      packs.push_back({dnnl::reorder(from, to), from, to});
    }
  }
}

TiledMatmul::TiledMatmul(const Operands& operands) : operands_(operands) {}
TiledMatmul::~TiledMatmul() = default;

void TiledMatmul::prepare(int64_t m, int64_t k, int64_t n) {
  std::unique_ptr<Plan>& slot = plans_[{{m, k}, n}];
  if (slot) return;
  try {
    slot = std::make_unique<Plan>(operands_, m, k, n);
  } catch (const dnnl::error& error) {
    throw Error("ERR_ONEDNN", "oneDNN can't multiply [" + std::to_string(m) + ", " + std::to_string(k) +
                                  "] by [" + std::to_string(k) + ", " + std::to_string(n) +
                                  "]: " + error.what() + ".");
  }
}

int64_t TiledMatmul::packs(int64_t m, int64_t k, int64_t n) const {
  return static_cast<int64_t>(plan(m, k, n).packs.size());
}

void TiledMatmul::run_pack(int64_t m, int64_t k, int64_t n, int64_t pack) {
  Plan::Pack& p = plan(m, k, n).packs[pack];
  p.reorder.execute(thread_stream(), p.from, p.to);
}

void TiledMatmul::run_tile(int64_t m, int64_t k, int64_t n, int64_t tile) {
  Plan::Tile& t = plan(m, k, n).tiles[tile];
  t.scratchpad.set_data_handle(thread_scratchpad(t.scratchpad.get_desc().get_size()));
  t.matmul->execute(thread_stream(), t.arguments);
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
