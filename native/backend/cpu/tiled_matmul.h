// C[m, n] = A[m, k] * B[k, n], + bias[n], ReLU: float32 on oneDNN, cut into fixed tiles.
//
// oneDNN may split a reduction over threads, which changes the rounding with their number. Here every tile of
// C is one single-threaded oneDNN call over the whole of k, tiles depend on shapes alone, and the engine's
// own team runs them: the same bits on any number of threads, and measured as fast as oneDNN's own threading
// (docs/performance.md).
//
// B changes between calls (weights are updated, activations are new) and is packed into oneDNN's blocked
// layout once per change, tile by tile, by the same team.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "backend/cpu/thread_team.h"

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
  };
  TiledMatmul(const ThreadTeam* team, const Operands& operands);
  ~TiledMatmul();

  // Packs B [k, n] as this call of run() will need it. Without a call, the last packing for the same sizes is
  // used.
  void pack(int64_t m, int64_t k, int64_t n);
  bool packed(int64_t m, int64_t k, int64_t n) const;
  // B's values changed: earlier packings are stale.
  void invalidate();
  // With `a_stride` 0 in the operands, rows of A are k floats apart.
  void run(int64_t m, int64_t k, int64_t n);

 private:
  struct Plan;
  using Key = std::pair<std::pair<int64_t, int64_t>, int64_t>;
  Plan& plan(int64_t m, int64_t k, int64_t n);
  const ThreadTeam* team_;
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
