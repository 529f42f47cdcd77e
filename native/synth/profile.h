// What a synthetic data set looks like: sizes and shapes of its columns.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "criteo/row_parser.h"

namespace pss::synth {

using criteo::kNumDense;
using criteo::kNumTables;

// Integers I1..I13: floor(exp(location + spread·z)) − 1 + minimum, z standard normal, never below minimum.
struct IntegerProfile {
  float missing, location, spread;
  int32_t minimum = 0;
};

struct TokenProfile {
  // Distinct values among `rows` rows of the profile, on average.
  uint32_t distinct;
  float missing;
  // Their frequencies fall with this power of their rank.
  float exponent;
};

struct Profile {
  std::string_view name;
  // Rows over which the tokens' `distinct` is meant; for Criteo's profiles, those of the published data.
  uint64_t rows;
  // Rows of a day, and days until half of the rarer tokens have been replaced by new ones.
  uint64_t day_rows;
  uint32_t turnover_days;
  // Share of clicks.
  double click_rate;
  std::array<IntegerProfile, kNumDense> integers;
  std::array<TokenProfile, kNumTables> tokens;
};

// kaggle, tb or tiny; nullptr for any other name.
const Profile* find_profile(std::string_view name);

}  // namespace pss::synth
