#include "ops/embedding/addressing.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "ops/embedding/mix64.h"

namespace pss {

namespace {

constexpr uint64_t kMaxStarts = 0xFFFFFFFF;
constexpr uint64_t kMaxRows = uint64_t{1} << 32;

// apd10's prime and coefficients.
constexpr uint64_t kP = 2038074743, kA = 871205356, kB = 1825252241, kC = 634329019;

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
  for (int64_t t = 0; t < a.T; t++) {
    if (a.column(t) >= 0 && a.column(t) < a.id_columns) continue;
    fail("Table " + std::to_string(t) + " reads id column " + std::to_string(a.column(t)) +
         ", but there are " + std::to_string(a.id_columns) + ".");
  }
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

uint32_t start_of(int64_t floats, int64_t unit) {
  if (floats % unit != 0)
    fail("A full table starts in the middle of a chunk; make its dimension a multiple.");
  const int64_t start = floats / unit;
  if (static_cast<uint64_t>(start) > kMaxStarts) {
    fail("A memory has more than 2^32 - 1 places for a chunk; make it smaller.");
  }
  return static_cast<uint32_t>(start);
}

// Full tables behind a shared array; returns the floats of the array they leave.
int64_t place_full_tables(Addressing& a, const std::vector<int64_t>& full_tables) {
  int64_t floats = 0;
  for (const int64_t t : full_tables) {
    if (t < 0 || t >= a.T || a.table_sizes.empty()) fail("Only tables whose sizes are known can stay full.");
    floats += a.table_sizes[t] * a.D;
  }
  int64_t base = a.memory_size - floats;
  const int64_t left = base;
  if (floats > 0) start_of(a.memory_size, a.unit);
  for (const int64_t t : full_tables) {
    for (int64_t c = 0; c < a.chunks; c++) {
      a.numbered.push_back({t, c, start_of(base + c * a.Z, a.unit), 1, start_of(a.D, a.unit),
                            static_cast<uint64_t>(a.table_sizes[t])});
    }
    base += a.table_sizes[t] * a.D;
  }
  return left;
}

// Arrays of their own for every (table, chunk).
void place_rows(Addressing& a, const AddressingSpec& spec) {
  const auto count = static_cast<size_t>(a.T * a.chunks);
  if (spec.rows.size() != count || spec.divisors.size() != count || a.D % a.Z != 0) {
    fail("Kind rows needs rows and divisors for each of " + std::to_string(count) + " whole chunks.");
  }
  const int64_t floats = place_full_tables(a, spec.full_tables);
  int64_t base = 0;
  bool hashes = false;
  std::vector<uint32_t> bases;
  std::vector<uint64_t> ranges;
  for (size_t k = 0; k < count; k++) {
    const int64_t rows = spec.rows[k], divisor = spec.divisors[k];
    const int64_t table = static_cast<int64_t>(k) / a.chunks;
    const bool full = std::count(spec.full_tables.begin(), spec.full_tables.end(), table) > 0;
    if (rows < (full ? 0 : 1) || static_cast<uint64_t>(rows) > kMaxStarts || divisor < 0 ||
        static_cast<uint64_t>(divisor) > kMaxStarts || (divisor > 0 && a.table_sizes.empty())) {
      fail("An array has " + std::to_string(rows) + " rows and divisor " + std::to_string(divisor) +
           "; both must be below 2^32, and only known tables can be numbered.");
    }
    const uint32_t start = start_of(base * a.Z, a.unit);
    bases.push_back(start);
    ranges.push_back(static_cast<uint64_t>(rows));
    hashes = hashes || (divisor == 0 && !full);
    if (divisor > 0) {
      a.numbered.push_back({table, static_cast<int64_t>(k) % a.chunks, start, static_cast<uint32_t>(divisor),
                            1, static_cast<uint64_t>(rows)});
    }
    base += rows;
  }
  if (base * a.Z != floats) {
    fail("Arrays of " + std::to_string(base * a.Z) + " floats don't fill the " + std::to_string(floats) +
         " floats of their memory exactly.");
  }
  start_of(a.memory_size, a.unit);
  if (!hashes) return;
  a.bases = std::move(bases);
  a.ranges = std::move(ranges);
}

// One array for each chunk, shared by all tables.
void place_memories(Addressing& a, const std::vector<int64_t>& full_tables) {
  const int64_t floats = place_full_tables(a, full_tables);
  if (a.D % a.Z != 0 || floats < a.D || floats % a.D != 0) {
    fail("A memory of " + std::to_string(floats) + " floats can't be cut into " + std::to_string(a.chunks) +
         " arrays of whole rows.");
  }
  const int64_t rows = floats / a.D;
  start_of(a.memory_size, a.unit);
  for (int64_t k = 0; k < a.T * a.chunks; k++) {
    a.bases.push_back(static_cast<uint32_t>(k % a.chunks * rows));
    a.ranges.push_back(static_cast<uint64_t>(rows));
  }
}

// One array for all chunks.
void place_shared(Addressing& a, const std::vector<int64_t>& full_tables) {
  const int64_t floats = place_full_tables(a, full_tables);
  if (floats < a.Z) {
    fail("Full tables leave " + std::to_string(floats) + " of " + std::to_string(a.memory_size) +
         " floats for the others, less than one chunk; make the memory larger.");
  }
  a.range = static_cast<uint64_t>(a.unit == 1 ? floats - a.Z + 1 : floats / a.unit);
  if (a.range > kMaxStarts) {
    fail("A memory of " + std::to_string(floats) + " floats has " + std::to_string(a.range) +
         " places for a chunk; at most 2^32 - 1 can be addressed: make it smaller or the chunks aligned.");
  }
  a.reciprocal = ~uint64_t{0} / a.range + 1;
}

// So that a vector of eight can be loaded at every entry of a list that repeats with every sample.
template <typename T>
void repeat_first(std::vector<T>& list) {
  const size_t length = list.size();
  for (size_t i = 0; length > 0 && i < 7; i++) list.push_back(list[i]);
}

void starts_full(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last, const Addressing& a) {
  for (int64_t b = first; b < last; b++) {
    for (int64_t t = 0; t < a.T; t++) {
      starts[b * a.T + t] = static_cast<uint32_t>(a.row_offsets[t] + ids[b * a.id_columns + a.column(t)]);
    }
  }
}

void starts_mix64(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last, const Addressing& a) {
  for (int64_t b = first; b < last; b++) {
    for (int64_t t = 0; t < a.T; t++) {
      uint64_t state = mix64(a.table_keys[t] ^ ids[b * a.id_columns + a.column(t)]);
      uint32_t* out = starts + (b * a.T + t) * a.chunks;
      const uint32_t* bases = a.bases.data() + t * a.chunks;
      const uint64_t* ranges = a.ranges.data() + t * a.chunks;
      for (int64_t c = 0; c < a.chunks; c++) {
        state += kGolden;
        out[c] = a.range ? multiply_high(mix64(state), a.range)
                         : bases[c] + multiply_high(mix64(state), ranges[c]);
      }
    }
  }
}

void starts_apd10(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last, const Addressing& a) {
  for (int64_t b = first; b < last; b++) {
    for (int64_t t = 0; t < a.T; t++) {
      const uint64_t row = static_cast<uint64_t>(a.row_offsets[t]) + ids[b * a.id_columns + a.column(t)];
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

Addressing make_addressing(const AddressingSpec& spec) {
  using enum EmbeddingKind;
  Addressing a{};
  a.kind = spec.kind;
  a.hash = spec.hash;
  a.aligned = spec.aligned;
  a.hash_seed = spec.hash_seed;
  a.id_columns = spec.id_columns;
  a.columns.assign(spec.columns.begin(), spec.columns.end());
  a.T = spec.columns.empty() ? spec.id_columns : static_cast<int64_t>(spec.columns.size());
  a.D = spec.D;
  a.Z = spec.kind == kHashedNet ? 1 : spec.kind == kFull || spec.kind == kHash ? spec.D : spec.Z;
  a.memory_size = spec.memory_size;
  a.table_sizes = spec.table_sizes;
  check_sizes(a);
  fill_rows(a);
  a.chunks = (a.D + a.Z - 1) / a.Z;
  const bool anywhere = spec.kind == kHashedNet || (spec.kind == kRobe && !spec.aligned);
  a.unit = anywhere ? 1 : a.Z;
  if (spec.kind == kRows) {
    place_rows(a, spec);
  } else if (spec.kind == kMemories) {
    place_memories(a, spec.full_tables);
  } else if (spec.kind != kFull) {
    place_shared(a, spec.full_tables);
  }
  if (a.hash == HashFamily::kApd10 && !a.ranges.empty())
    fail("Hash apd10 is for one shared array; use mix64.");
  for (int64_t t = 0; t < a.T; t++) {
    a.table_keys.push_back(mix64_table_key(a.hash_seed, a.column(t)));
  }
  repeat_first(a.table_keys);
  repeat_first(a.bases);
  repeat_first(a.ranges);
  return a;
}

void compute_starts(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                    const Addressing& addressing) {
  if (addressing.kind == EmbeddingKind::kFull) return starts_full(starts, ids, first, last, addressing);
  if (addressing.hashes()) {
    const auto hash = addressing.hash == HashFamily::kApd10 ? starts_apd10 : starts_mix64;
    hash(starts, ids, first, last, addressing);
  }
  number_starts(starts, ids, first, last, addressing);
}

void number_starts(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                   const Addressing& addressing) {
  for (int64_t b = first; b < last; b++) {
    uint32_t* row = starts + b * addressing.T * addressing.chunks;
    for (const NumberedChunk& chunk : addressing.numbered) {
      const uint32_t id = ids[b * addressing.id_columns + addressing.column(chunk.table)];
      const auto digit = static_cast<uint32_t>(id / chunk.divisor % chunk.rows);
      row[chunk.table * addressing.chunks + chunk.chunk] = chunk.base + digit * chunk.stride;
    }
  }
}

std::vector<IdBound> id_bounds(const Addressing& addressing) {
  std::vector<IdBound> bounds;
  for (size_t t = 0; t < addressing.table_sizes.size(); t++) {
    bounds.push_back({addressing.column(static_cast<int64_t>(t)), addressing.table_sizes[t]});
  }
  return bounds;
}

void check_ids(const uint32_t* ids, int64_t B, int64_t id_columns, const std::vector<IdBound>& bounds) {
  if (bounds.empty()) return;
  for (int64_t b = 0; b < B; b++) {
    for (const auto [column, rows] : bounds) {
      const uint32_t id = ids[b * id_columns + column];
      if (id < rows) continue;
      throw Error("ERR_ID_RANGE", "Row " + std::to_string(b) + " of the batch has id " + std::to_string(id) +
                                      " for table " + std::to_string(column) + ", which has " +
                                      std::to_string(rows) +
                                      " rows; prepare the data with the vocabulary the model was made for.");
    }
  }
}

}  // namespace pss
