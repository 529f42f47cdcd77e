#include "backend/cpu/memory_probe.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

#include "backend/cpu/thread_team.h"
#include "base/aligned_buffer.h"

namespace pss {

namespace {

// Each round has addresses of its own, or the second would find all of its chunks in a cache. The best round
// counts: neighbours only ever make one slower.
constexpr int kRounds = 16;
// Chunks asked for before they are used.
constexpr int64_t kAhead = 24;
constexpr int64_t kLineFloats = 16;

// The addresses and the data of one thread.
struct Share {
  float* memory;
  float* rows;
  const int64_t* starts;
  int64_t chunks;
};

void ask_ahead(const Share& share, int64_t i, int64_t chunk_floats, bool write) {
  if (i + kAhead >= share.chunks) return;
  const float* chunk = share.memory + share.starts[i + kAhead];
  for (int64_t s = 0; s < chunk_floats; s += kLineFloats) {
    if (write) {
      __builtin_prefetch(chunk + s, 1);
    } else {
      __builtin_prefetch(chunk + s, 0);
    }
  }
}

// Z is the chunk's length where it is known when compiling, or 0.
template <int64_t Z>
[[gnu::always_inline]] inline void gather(const Share& share, int64_t chunk_floats) {
  const int64_t length = Z > 0 ? Z : chunk_floats;
  for (int64_t i = 0; i < share.chunks; i++) {
    ask_ahead(share, i, length, false);
    const float* __restrict chunk = share.memory + share.starts[i];
    float* __restrict row = share.rows + i * length;
    for (int64_t s = 0; s < length; s++) row[s] = chunk[s];
  }
}

template <int64_t Z>
[[gnu::always_inline]] inline void update(const Share& share, int64_t chunk_floats) {
  const int64_t length = Z > 0 ? Z : chunk_floats;
  for (int64_t i = 0; i < share.chunks; i++) {
    ask_ahead(share, i, length, true);
    float* __restrict chunk = share.memory + share.starts[i];
    const float* __restrict row = share.rows + i * length;
    for (int64_t s = 0; s < length; s++) chunk[s] += row[s];
  }
}

// A machine's own vectors, whatever they are: this is a probe, whose results no other code compares bit for
// bit.
[[gnu::target_clones("avx512f", "avx2", "default")]] void run_share(const Share& share, int64_t chunk_floats,
                                                                    bool write) {
  switch (chunk_floats) {
    case 1:
      return write ? update<1>(share, 1) : gather<1>(share, 1);
    case 4:
      return write ? update<4>(share, 4) : gather<4>(share, 4);
    case 16:
      return write ? update<16>(share, 16) : gather<16>(share, 16);
    case 32:
      return write ? update<32>(share, 32) : gather<32>(share, 32);
    case 64:
      return write ? update<64>(share, 64) : gather<64>(share, 64);
    case 128:
      return write ? update<128>(share, 128) : gather<128>(share, 128);
    default:
      return write ? update<0>(share, chunk_floats) : gather<0>(share, chunk_floats);
  }
}

}  // namespace

ChunkRates chunk_rates(int threads, int64_t memory_floats, int64_t chunk_floats, int64_t chunks) {
  const ThreadTeam team(threads);
  const int64_t part = std::max(memory_floats / threads, chunk_floats);
  const int64_t share = (chunks + threads - 1) / threads;
  AlignedBuffer<float> memory(static_cast<size_t>(part * threads));
  AlignedBuffer<float> rows(static_cast<size_t>(share * chunk_floats * threads));
  AlignedBuffer<int64_t> starts(static_cast<size_t>(share * kRounds * threads));
  team.run(threads, [&](int64_t t) {
    std::fill_n(memory.data() + t * part, part, 1.0f);
    std::fill_n(rows.data() + t * share * chunk_floats, share * chunk_floats, 1e-3f);
    uint64_t random = 0x9E3779B97F4A7C15u * static_cast<uint64_t>(t + 1);
    for (int64_t i = 0; i < share * kRounds; i++) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      const auto range = static_cast<unsigned __int128>(part - chunk_floats + 1);
      starts[t * share * kRounds + i] = static_cast<int64_t>((random * range) >> 64);
    }
  });
  const auto best = [&](bool write) {
    double nanoseconds = std::numeric_limits<double>::max();
    for (int round = 0; round < kRounds; round++) {
      const auto start = std::chrono::steady_clock::now();
      team.run(threads, [&](int64_t t) {
        run_share({memory.data() + t * part, rows.data() + t * share * chunk_floats,
                   starts.data() + (t * kRounds + round) * share, share},
                  chunk_floats, write);
      });
      const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
      nanoseconds = std::min(nanoseconds, elapsed.count());
    }
    return nanoseconds / static_cast<double>(share * threads);
  };
  return {best(false), best(true)};
}

}  // namespace pss
