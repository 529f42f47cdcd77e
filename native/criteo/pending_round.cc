#include "criteo/pending_round.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "criteo/criteo_error.h"
#include "criteo/rare_values.h"
#include "criteo/vocabulary.h"
#include "criteo/word_file.h"

namespace pss::criteo {

namespace {

constexpr size_t kBlockWords = 1 << 16;

std::string file_of(const PendingRound& round, const char* kind, uint32_t number) {
  return round.prefix + "." + kind + "-" + std::to_string(number);
}

void check_ids(const PendingRound& round, uint64_t values) {
  if (round.first_id + values <= kPending) return;
  throw CriteoError(
      "ERR_IDS",
      "A column has more than 4294967295 distinct values, which is all that 32-bit ids can number.", "");
}

struct Numbered {
  uint64_t values;
  uint64_t pending;
  std::vector<uint32_t> counts;  // of the local ids, with a min_count
};

// Writes ids from `first_id` on to `ids`, and the values behind them to `values`.
Numbered number_values(const PendingRound& round, const std::string& source, uint32_t first_id,
                       const std::string& ids_path, const std::string& values_path) {
  WordReader reader(source);
  WordWriter ids(ids_path);
  WordWriter values(values_path);
  WordWriter next(file_of(round, "pending", round.round + 1));
  // A table and the counts of its values, which is at most three quarters of it.
  const bool counting = round.min_count > 1;
  MemoryBudget budget(counting ? round.memory_bytes / 3 * 2 : round.memory_bytes);
  Vocabulary vocabulary(&budget);
  vocabulary.reserve(reader.size());
  Numbered result{};
  std::vector<uint32_t> block(kBlockWords);
  std::vector<uint32_t> fresh;
  std::vector<uint32_t> pending;
  while (const size_t count = reader.read(block.data(), block.size())) {
    fresh.clear();
    pending.clear();
    vocabulary.encode(block.data(), count, 1, &fresh, &pending);
    check_ids(round, vocabulary.size());
    if (counting) count_ids(block.data(), count, 1, vocabulary.size(), &result.counts);
    for (size_t i = 0; i < count; ++i) {
      if (block[i] != kPending) block[i] += first_id;
    }
    ids.append(block.data(), count);
    values.append(fresh.data(), fresh.size());
    next.append(pending.data(), pending.size());
  }
  result.values = vocabulary.size();
  result.pending = next.size();
  return result;
}

}  // namespace

RoundResult number_pending(const PendingRound& round) {
  const std::string source =
      round.round == 1 ? round.prefix + ".pending" : file_of(round, "pending", round.round);
  const std::string ids = file_of(round, "ids", round.round);
  const std::string values = file_of(round, "values", round.round);
  if (round.min_count <= 1) {
    const auto first_id = static_cast<uint32_t>(round.first_id);
    const Numbered numbered = number_values(round, source, first_id, ids, values);
    return {numbered.values, numbered.pending};
  }
  const std::string all_ids = ids + ".all";
  const std::string all_values = values + ".all";
  Numbered numbered = number_values(round, source, 0, all_ids, all_values);
  const uint64_t kept = counts_to_ids(&numbered.counts, round.min_count, round.first_id);
  keep_numbered_values(all_values, values, numbered.counts);
  WordReader reader(all_ids);
  WordWriter writer(ids);
  std::vector<uint32_t> block(kBlockWords);
  while (const size_t count = reader.read(block.data(), block.size())) {
    for (size_t i = 0; i < count; ++i) {
      if (block[i] != kPending) block[i] = numbered.counts[block[i]];
    }
    writer.append(block.data(), count);
  }
  unlink(all_ids.c_str());
  unlink(all_values.c_str());
  return {kept, numbered.pending};
}

}  // namespace pss::criteo
