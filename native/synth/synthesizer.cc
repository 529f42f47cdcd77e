#include "synth/synthesizer.h"

#include <algorithm>
#include <cstring>

#include "synth/row_text.h"

namespace pss::synth {

Synthesizer::Synthesizer(const Profile& profile, uint64_t seed, uint64_t day_rows, int threads)
    : generator_(profile, seed, day_rows), team_(threads), tallies_(static_cast<size_t>(threads)) {}

Row Synthesizer::make(uint64_t number) {
  Tally& tally = tallies_[static_cast<size_t>(ThreadTeam::current())];
  const Row row = generator_.row(number);
  tally.clicks += row.label;
  tally.score.add(row.logit);
  for (size_t t = 0; t < kNumTables; ++t) tally.distinct[t].add(&row.tokens[t], 1, 1);
  return row;
}

void Synthesizer::fill(uint64_t first, int64_t rows, uint8_t* label, float* dense, uint32_t* sparse,
                       float* logit) {
  team_.run_blocks(rows, kTaskRows, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      const Row row = make(first + static_cast<uint64_t>(i));
      label[i] = row.label;
      if (logit != nullptr) logit[i] = row.logit;
      std::transform(row.integers.begin(), row.integers.end(), dense + i * int64_t{kNumDense},
                     [this](int32_t value) { return generator_.dense(value); });
      std::copy(row.tokens.begin(), row.tokens.end(), sparse + i * int64_t{kNumTables});
    }
  });
}

int64_t Synthesizer::write(uint64_t first, int64_t rows, char* out) {
  const int64_t tasks = (rows + kTaskRows - 1) / kTaskRows;
  constexpr int64_t task_bytes = kTaskRows * int64_t{kMaxRowBytes};
  std::vector<int64_t> bytes(static_cast<size_t>(tasks));
  team_.run(tasks, [&](int64_t task) {
    char* const begin = out + task * task_bytes;
    char* end = begin;
    for (int64_t i = task * kTaskRows; i < std::min(rows, (task + 1) * kTaskRows); ++i) {
      end = write_row(end, make(first + static_cast<uint64_t>(i)));
    }
    bytes[static_cast<size_t>(task)] = end - begin;
  });
  int64_t total = 0;
  for (int64_t task = 0; task < tasks; ++task) {
    std::memmove(out + total, out + task * task_bytes, static_cast<size_t>(bytes[static_cast<size_t>(task)]));
    total += bytes[static_cast<size_t>(task)];
  }
  return total;
}

Synthesizer::Summary Synthesizer::summary() const {
  Tally all;
  for (const Tally& tally : tallies_) {
    all.clicks += tally.clicks;
    all.score.merge(tally.score);
    for (size_t t = 0; t < kNumTables; ++t) all.distinct[t].merge(tally.distinct[t]);
  }
  Summary summary{all.score.rows(), all.clicks,           {},
                  all.score.auc(),  all.score.log_loss(), all.score.baseline_log_loss()};
  for (size_t t = 0; t < kNumTables; ++t) summary.distinct[t] = all.distinct[t].estimate();
  return summary;
}

}  // namespace pss::synth
