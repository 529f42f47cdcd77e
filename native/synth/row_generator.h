// Synthetic rows in the manner of Criteo: any row is a function of (profile, seed, its number) and of nothing
// else.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "criteo/dense_transform.h"
#include "synth/rank_table.h"
#include "synth/teacher.h"

namespace pss::synth {

struct Row {
  // An integer that is missing.
  static constexpr int32_t kMissing = INT32_MIN;

  uint8_t label;
  // The label's logit: that of the best possible prediction.
  float logit;
  std::array<int32_t, kNumDense> integers;
  // 0 where missing.
  std::array<uint32_t, kNumTables> tokens;
};

// Row n is made from the Philox blocks under (seed, "synth.row", 32 n + i): word 2 t and 2 t + 1 for column t
// with tokens, word 52 + i for integer i, word 65 for the label, which is 1 if the word is below 2^32 ·
// sigmoid(logit).
//
// Drift: day n / day_rows moves the logit by its own N(0, 0.1), and ranks beyond the first 64 go to new
// tokens: every rank has a day of its own, once in 2·turnover_days days.
class RowGenerator {
 public:
  // day_rows = 0 takes the profile's.
  RowGenerator(const Profile& profile, uint64_t seed, uint64_t day_rows);

  Row row(uint64_t number) const;

  uint64_t day_rows() const { return day_rows_; }
  // log(1 + max(v, 0)) as `prepare` computes it.
  float dense(int32_t value) const { return transform_(value == Row::kMissing ? 0 : value); }

 private:
  static constexpr int kQuantiles = 4096;
  struct IntegerColumn {
    // Values at the quantiles; those before `first` stand for missing ones.
    std::vector<int32_t> values;
    uint32_t first;
  };

  struct Features {
    Row row;
    LogitParts parts;
    uint32_t label_word;
  };
  // `stream` tells the rows of data from those that calibrate.
  Features features(uint64_t stream, uint64_t number, uint32_t day) const;
  Token token(size_t column, uint32_t bin_word, uint32_t rank_word, uint32_t day) const;
  // Finds the scales and the intercept that give the logit its variance and its mean click rate.
  void calibrate(double click_rate);
  float logit(const LogitParts& parts, uint32_t day) const;

  uint64_t seed_, day_rows_;
  uint32_t lifetime_days_;
  criteo::DenseTransform transform_{criteo::DenseProfile::kDlrm};
  std::vector<RankTable> ranks_;
  std::array<uint64_t, kNumTables> token_keys_;
  std::array<IntegerColumn, kNumDense> integers_;
  Teacher teacher_;
  LogitParts scales_{1, 1, 1};
  float intercept_ = 0;
};

}  // namespace pss::synth
