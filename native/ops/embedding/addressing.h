// Where the floats of an embedding live: every kind is a list of chunks in one array M.
//
// For table t, id, chunk c: value[c*Z + s] = M[start(t, id, c) + s], 0 <= s < min(Z, D - c*Z).
//   full       Z = D, start = (rows of earlier tables + id) * D                         id < E_t, checked
//   hash       Z = D, start = h(t, id, 0) over |M|/D rows, times D
//   robe       start = h(t, id, c) over |M| - Z + 1 positions, or with `aligned` over |M|/Z blocks, times Z
//   hashednet  robe with Z = 1
//   rows       chunk c of table t is a row of an array of its own, rows[t, c] rows of Z floats, one array
//   after
//              the other: row = floor(id / divisors[t, c]) mod rows[t, c], a digit of the id; or, where the
//              divisor is 0, h(t, id, c) over rows[t, c]
//   memories   chunk c is a row of an array that all tables share: h(t, id, c) over |M|/D rows of Z floats,
//   one
//              array after the other
// Tables of hash, robe and hashednet listed in full_tables aren't hashed: their rows, D floats each, lie
// behind the shared array in their order, and the |M| above is what they leave. Hash families; `range` is the
// number of different starts, all arithmetic unsigned:
//   apd10   h = ((id + rows of earlier tables)*871205356 + c*1825252241 + 634329019) mod 2038074743;
//           start = h mod range. The public ROBE code, bit for bit; needs ids below E_t.
//   mix64   G = 0x9E3779B97F4A7C15; everything mod 2^64:
//           mix(z): z ^= z >> 30; z *= 0xBF58476D1CE4E5B9; z ^= z >> 27; z *= 0x94D049BB133111EB;
//                   z ^= z >> 31                     (Stafford's variant 13, as in SplitMix64)
//           key = mix(seed + (t + 1)*G);  row = mix(key xor id);  h = mix(row + (c + 1)*G)
//           start = floor(h * range / 2^64). No division; any 32-bit id. mix is a bijection, so ids of one
//           table never share a row hash. t is the table's column among the ids.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pss {

enum class EmbeddingKind { kFull, kHash, kRobe, kHashedNet, kRows, kMemories };
enum class HashFamily { kMix64, kApd10 };

// What an addressing is made from.
struct AddressingSpec {
  EmbeddingKind kind;
  HashFamily hash;
  bool aligned;
  uint64_t hash_seed;
  int64_t id_columns;                // ids of a sample
  std::vector<int64_t> columns;      // the id column of each table; empty when table t reads column t of all
  int64_t D;                         // embedding dimension
  int64_t Z;                         // chunk size; D or 1 for kinds that leave no choice
  int64_t memory_size;               // |M| in floats
  std::vector<int64_t> table_sizes;  // E_t; empty when ids are raw 32-bit hashes
  std::vector<int64_t> full_tables;  // ascending
  std::vector<int64_t> rows;         // [T, chunks], kind rows only
  std::vector<int64_t> divisors;     // [T, chunks], kind rows only
};

// A chunk of a table that is found by counting: start = base + (id / divisor mod rows) * stride.
struct NumberedChunk {
  int64_t table;
  int64_t chunk;
  uint32_t base, divisor, stride;
  uint64_t rows;
};

struct Addressing {
  EmbeddingKind kind;
  HashFamily hash;
  bool aligned;
  uint64_t hash_seed;
  int64_t T;                         // tables
  int64_t D;                         // embedding dimension
  int64_t Z;                         // chunk size
  int64_t chunks;                    // chunks of one embedding: ceil(D / Z)
  int64_t memory_size;               // |M| in floats
  int64_t unit;                      // starts are stored divided by this (D, Z or 1), so 32 bits are enough
  uint64_t range;                    // number of different hashed starts; 0 where nothing is hashed by it
  std::vector<int64_t> table_sizes;  // E_t; empty when ids are raw 32-bit hashes
  std::vector<int64_t> row_offsets;  // rows of earlier tables; empty without table sizes
  std::vector<uint64_t> table_keys;  // mix64's key of each table, the first seven of the list once more
  uint64_t reciprocal;               // apd10: floor(2^64 / range) + 1, so that a product replaces mod range
  int64_t id_columns;                // ids of a sample
  std::vector<int32_t> columns;      // the id column of each table; empty when table t reads column t of all
  std::vector<uint32_t> bases;       // [T, chunks]: where the array of each hashed chunk starts, and
  std::vector<uint64_t> ranges;      // [T, chunks]: its rows; both empty where one array serves all, and
                                     // with the first seven of the list once more behind its end
  std::vector<NumberedChunk> numbered;

  int64_t chunk_length(int64_t c) const { return c + 1 < chunks ? Z : D - c * Z; }
  bool hashes() const { return range > 0 || !ranges.empty(); }
  int64_t column(int64_t t) const { return columns.empty() ? t : columns[t]; }
};

// Throws ERR_GRAPH when a size makes no sense.
Addressing make_addressing(const AddressingSpec& spec);

// starts[(b*T + t)*chunks + c] for rows [first, last), in units of `unit`.
// ids is [B, id_columns]; they must have been checked with check_ids where table sizes are known.
void compute_starts(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                    const Addressing& addressing);

// The same bits, hashing four or eight starts at a time.
void compute_starts_avx2(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                         const Addressing& addressing);
void compute_starts_avx512(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                           const Addressing& addressing);

// Only the starts of chunks that are found by counting.
void number_starts(uint32_t* starts, const uint32_t* ids, int64_t first, int64_t last,
                   const Addressing& addressing);

// An id column whose table has a known size.
struct IdBound {
  int64_t column;
  int64_t rows;  // E
};
// None for raw ids, which have no table sizes.
std::vector<IdBound> id_bounds(const Addressing& addressing);

// Throws ERR_ID_RANGE naming row, table, id and table size when one of ids [B, id_columns] is beyond its
// table.
void check_ids(const uint32_t* ids, int64_t B, int64_t id_columns, const std::vector<IdBound>& bounds);

}  // namespace pss
