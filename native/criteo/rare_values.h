// Which values occur often enough for an id of their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "criteo/row_parser.h"

namespace pss::criteo {

// Adds to the counts of ids[0], ids[stride], ..., `count` of them; kPending counts nowhere. `counts` grows to
// `num_ids`. Counts stay at 2^32 - 1.
void count_ids(const uint32_t* ids, size_t count, size_t stride, size_t num_ids,
               std::vector<uint32_t>* counts);

// Replaces every count by an id: kRareId below `min_count`, else first_id, first_id + 1, ... in order.
// Returns how many aren't rare.
uint64_t counts_to_ids(std::vector<uint32_t>* counts, uint32_t min_count, uint64_t first_id);

// Copies the values whose id in `ids` isn't kRareId.
void keep_numbered_values(const std::string& from, const std::string& to, const std::vector<uint32_t>& ids);

// Counts the ids that columns got while rows were read, over batches [rows, 26], and writes for every column
// `<folder>/<column>.remap`, the final id of each of those ids, and `<column>.kept`, the values behind the
// final ids.
class IdCounter {
 public:
  // num_ids: the ids of every column.
  IdCounter(std::string folder, size_t jobs, const std::array<uint64_t, kNumTables>& num_ids);
  void add(const uint32_t* sparse, size_t rows);
  // Returns how many values every column keeps; their ids are 1, 2, ...
  std::array<uint64_t, kNumTables> finish(uint32_t min_count);

 private:
  std::string folder_;
  size_t jobs_;
  std::array<std::vector<uint32_t>, kNumTables> counts_;
};

}  // namespace pss::criteo
