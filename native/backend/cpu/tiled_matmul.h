// C[m, n] = A[m, k] * B[k, n], + bias[n], ReLU: float32 on oneDNN, cut into fixed tiles.
//
// oneDNN may split a reduction over threads, which changes the rounding with their number. Here every tile of
// C is one single-threaded oneDNN call over the whole of k, tiles depend on shapes alone, and the engine's
// own team runs them: the same bits on any number of threads, and measured as fast as oneDNN's own threading
// (docs/performance.md).
//
// B changes between calls (weights are updated, activations are new) and is packed into oneDNN's blocked
// layout once per change, in independent parts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "backend/cpu/row_block.h"

namespace pss {

class TiledMatmul {
 public:
  // Buffers stay where they are for the life of the object.
  struct Operands {
    const float* a;
    int64_t a_stride;  // between rows of A
    const float* b;
    int64_t b_stride_k, b_stride_n;
    float* c;
    int64_t c_stride;
    const float* bias = nullptr;  // [n]
    bool relu = false;
    bool b_by_rows = false;  // B's rows come in blocks of row_block(k), each packed when it is there
  };
  explicit TiledMatmul(const Operands& operands);
  ~TiledMatmul();

  // Makes the plan for these sizes, if it isn't there. By one thread, before any of the calls below.
  void prepare(int64_t m, int64_t k, int64_t n);
  // Tasks that pack B [k, n] as run_tile will read it; independent of each other. With b_by_rows, one for
  // each block of rows.
  int64_t packs(int64_t m, int64_t k, int64_t n) const;
  void run_pack(int64_t m, int64_t k, int64_t n, int64_t pack);
  // Rows [tile*row_block(m), ...) of C. With `a_stride` 0 in the operands, rows of A are k floats apart.
  int64_t tiles(int64_t m) const { return (m + row_block(m) - 1) / row_block(m); }
  void run_tile(int64_t m, int64_t k, int64_t n, int64_t tile);

 private:
  struct Plan;
  using Key = std::pair<std::pair<int64_t, int64_t>, int64_t>;
  Plan& plan(int64_t m, int64_t k, int64_t n) const { return *plans_.at({{m, k}, n}); }
  Operands operands_;
  std::map<Key, std::unique_ptr<Plan>> plans_;
};

// The version of oneDNN and the instruction set it will use.
struct OneDnnInfo {
  int major, minor, patch;
  const char* isa;
};
OneDnnInfo onednn_info();

}  // namespace pss
