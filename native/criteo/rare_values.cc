#include "criteo/rare_values.h"

#include <utility>

#include "criteo/column_threads.h"
#include "criteo/pending_round.h"
#include "criteo/vocabulary.h"
#include "criteo/word_file.h"

namespace pss::criteo {

void count_ids(const uint32_t* ids, size_t count, size_t stride, size_t num_ids,
               std::vector<uint32_t>* counts) {
  if (counts->size() < num_ids) counts->resize(num_ids);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t id = ids[i * stride];
    if (id == kPending) continue;
    uint32_t& seen = (*counts)[id];
    seen += seen != 0xffffffff;
  }
}

uint64_t counts_to_ids(std::vector<uint32_t>* counts, uint32_t min_count, uint64_t first_id) {
  uint64_t kept = 0;
  for (uint32_t& entry : *counts) {
    entry = entry < min_count ? kRareId : static_cast<uint32_t>(first_id + kept++);
  }
  return kept;
}

void keep_numbered_values(const std::string& from, const std::string& to, const std::vector<uint32_t>& ids) {
  WordReader reader(from);
  WordWriter writer(to);
  for (const uint32_t id : ids) {
    const uint32_t value = reader.next();
    if (id != kRareId) writer.put(value);
  }
  writer.flush();
}

IdCounter::IdCounter(std::string folder, size_t jobs, const std::array<uint64_t, kNumTables>& num_ids)
    : folder_(std::move(folder)), jobs_(jobs) {
  for (size_t column = 0; column < kNumTables; ++column) counts_[column].resize(num_ids[column]);
}

void IdCounter::add(const uint32_t* sparse, size_t rows) {
  for_each_column(jobs_, [&](size_t column) {
    count_ids(sparse + column, rows, kNumTables, counts_[column].size(), &counts_[column]);
  });
}

std::array<uint64_t, kNumTables> IdCounter::finish(uint32_t min_count) {
  std::array<uint64_t, kNumTables> kept{};
  for_each_column(jobs_, [&](size_t column) {
    const std::string prefix = folder_ + '/' + std::to_string(column);
    std::vector<uint32_t>& ids = counts_[column];
    kept[column] = counts_to_ids(&ids, min_count, kRareId + 1);
    keep_numbered_values(prefix + ".values", prefix + ".kept", ids);
    WordWriter(prefix + ".remap").append(ids.data(), ids.size());
  });
  return kept;
}

}  // namespace pss::criteo
