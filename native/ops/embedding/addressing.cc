#include "ops/embedding/addressing.h"

#include "base/error.h"

namespace pss {

namespace {

using Wide = unsigned __int128;

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;
constexpr uint64_t kMaxStarts = 0xFFFFFFFF;
constexpr uint64_t kMaxRows = uint64_t{1} << 32;

// apd10's prime and coefficients.
constexpr uint64_t kP = 2038074743, kA = 871205356, kB = 1825252241, kC = 634329019;

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

uint32_t multiply_high(uint64_t h, uint64_t range) {
  return static_cast<uint32_t>((Wide{h} * range) >> 64);
}

[[noreturn]] void fail(const std::string& message) {
  throw Error("ERR_GRAPH", message);
}

void check_sizes(const Addressing& a) {
  if (a.T < 1) fail("An embedding needs at least one table.");
  if (a.D < 1) fail("The embedding dimension must be at least 1, not " + std::to_string(a.D) + ".");
  if (a.Z < 1) fail("The chunk size must be at least 1, not " + std::to_string(a.Z) + ".");
  const int64_t shortest = a.kind == EmbeddingKind::kRobe ? a.Z : a.D;
  if (a.kind != EmbeddingKind::kHashedNet && a.memory_size < shortest) {
    fail("A memory of " + std::to_string(a.memory_size) +
         " floats is shorter than one chunk; give it at least " + std::to_string(shortest) + ".");
  }
  if (a.memory_size < 1) fail("The embedding memory is empty; give it at least one float.");
}

void fill_rows(Addressing& a) {
  if (a.table_sizes.empty()) {
    if (a.kind == EmbeddingKind::kFull)
      fail("Full embedding tables need table sizes; prepare with ids vocab.");
    if (a.hash == HashFamily::kApd10)
      fail("Hash apd10 needs table sizes; prepare with ids vocab or use mix64.");
    return;
  }
  if (static_cast<int64_t>(a.table_sizes.size()) != a.T) {
    fail("Table sizes are given for " + std::to_string(a.table_sizes.size()) + " tables, but there are " +
         std::to_string(a.T) + ".");
  }
  uint64_t rows = 0;
  for (int64_t t = 0; t < a.T; t++) {
    const int64_t size = a.table_sizes[t];
    if (size < 1 || static_cast<uint64_t>(size) > kMaxRows) {
      fail("Table " + std::to_string(t) + " has " + std::to_string(size) + " rows; 1 to 2^32 are possible.");
    }
    a.row_offsets.push_back(static_cast<int64_t>(rows));
    rows += static_cast<uint64_t>(size);
  }
  const bool numbers_rows = a.kind == EmbeddingKind::kFull || a.hash == HashFamily::kApd10;
  if (numbers_rows && rows > kMaxRows) {
    fail("All tables together have " + std::to_string(rows) + " rows; at most 2^32 can be numbered.");
  }
  if (a.kind == EmbeddingKind::kFull &&
      rows * static_cast<uint64_t>(a.D) != static_cast<uint64_t>(a.memory_size)) {
    fail("Full tables of " + std::to_string(rows) + " rows of " + std::to_string(a.D) +
         " floats don't fill a memory of " + std::to_string(a.memory_size) + " floats exactly.");
  }
}

void starts_full(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last, const Addressing& a) {
  for (int64_t b = first; b < last; b++) {
    for (int64_t t = 0; t < a.T; t++) {
      starts[b * a.T + t] = static_cast<uint32_t>(a.row_offsets[t] + ids[b * a.T + t]);
    }
  }
}

void starts_mix64(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last, const Addressing& a) {
  for (int64_t b = first; b < last; b++) {
    for (int64_t t = 0; t < a.T; t++) {
      uint64_t state = mix(a.table_keys[t] ^ ids[b * a.T + t]);
      uint32_t* out = starts + (b * a.T + t) * a.chunks;
      for (int64_t c = 0; c < a.chunks; c++) {
        state += kGolden;
        out[c] = multiply_high(mix(state), a.range);
      }
    }
  }
}

void starts_apd10(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last, const Addressing& a) {
  for (int64_t b = first; b < last; b++) {
    for (int64_t t = 0; t < a.T; t++) {
      const uint64_t row = static_cast<uint64_t>(a.row_offsets[t]) + ids[b * a.T + t];
      uint64_t h = (row * kA + kC) % kP;
      uint32_t* out = starts + (b * a.T + t) * a.chunks;
      for (int64_t c = 0; c < a.chunks; c++) {
        // h mod range through the fraction h / range (Lemire, Kaser, Kurz 2019); exact below 2^32.
        out[c] = multiply_high(a.reciprocal * h, a.range);
        h += kB;
        if (h >= kP) h -= kP;
      }
    }
  }
}

}  // namespace

Addressing make_addressing(EmbeddingKind kind, HashFamily hash, bool aligned, uint64_t hash_seed, int64_t T,
                           int64_t D, int64_t Z, int64_t memory_size,
                           const std::vector<int64_t>& table_sizes) {
  Addressing a{};
  a.kind = kind;
  a.hash = hash;
  a.aligned = aligned;
  a.hash_seed = hash_seed;
  a.T = T;
  a.D = D;
  a.Z = kind == EmbeddingKind::kHashedNet ? 1 : kind == EmbeddingKind::kRobe ? Z : D;
  a.memory_size = memory_size;
  a.table_sizes = table_sizes;
  check_sizes(a);
  fill_rows(a);
  const bool whole_rows = kind == EmbeddingKind::kFull || kind == EmbeddingKind::kHash;
  a.chunks = (D + a.Z - 1) / a.Z;
  a.unit = whole_rows || aligned ? a.Z : 1;
  a.range = static_cast<uint64_t>(a.unit == 1 ? memory_size - a.Z + 1 : memory_size / a.unit);
  if (kind != EmbeddingKind::kFull && a.range > kMaxStarts) {
    fail("A memory of " + std::to_string(memory_size) + " floats has " + std::to_string(a.range) +
         " places for a chunk; at most 2^32 - 1 can be addressed: make it smaller or the chunks aligned.");
  }
  a.reciprocal = ~uint64_t{0} / a.range + 1;
  for (int64_t t = 0; t < T; t++) {
    a.table_keys.push_back(mix(hash_seed + (static_cast<uint64_t>(t) + 1) * kGolden));
  }
  return a;
}

void compute_starts(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                    const Addressing& addressing) {
  if (addressing.kind == EmbeddingKind::kFull) {
    starts_full(starts, ids, first, last, addressing);
  } else if (addressing.hash == HashFamily::kApd10) {
    starts_apd10(starts, ids, first, last, addressing);
  } else {
    starts_mix64(starts, ids, first, last, addressing);
  }
}

void check_ids(const uint32_t* ids, int64_t B, const Addressing& addressing) {
  if (addressing.table_sizes.empty()) return;
  const int64_t T = addressing.T;
  for (int64_t b = 0; b < B; b++) {
    for (int64_t t = 0; t < T; t++) {
      if (ids[b * T + t] < addressing.table_sizes[t]) continue;
      throw Error("ERR_ID_RANGE", "Row " + std::to_string(b) + " of the batch has id " +
                                      std::to_string(ids[b * T + t]) + " for table " + std::to_string(t) +
                                      ", which has " + std::to_string(addressing.table_sizes[t]) +
                                      " rows; prepare the data with the vocabulary the model was made for.");
    }
  }
}

}  // namespace pss
