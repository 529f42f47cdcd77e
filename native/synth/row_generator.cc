#include "synth/row_generator.h"

#include <algorithm>
#include <cmath>

namespace pss::synth {

namespace {

// Standard deviation of the logit, and the shares of its variance.
constexpr double kLogitDeviation = 1.7;
constexpr double kDenseShare = 0.15, kSingleShare = 0.5, kPairsShare = 0.35;
constexpr double kDailyDeviation = 0.1;
constexpr uint64_t kCalibrationRows = 1 << 14;
constexpr int kRowBlocks = 17;

// The finaliser of SplitMix64.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The standard normal's quantile, by bisection: it fills tables, once.
double normal_quantile(double probability) {
  double low = -9, high = 9;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle * M_SQRT1_2) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

// Puts `values` at unit variance times `share` and returns the factor.
float share_scale(const std::vector<float>& values, double share) {
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const auto count = static_cast<double>(values.size());
  const double variance = squares / count - (sum / count) * (sum / count);
  return static_cast<float>(kLogitDeviation * std::sqrt(share / variance));
}

}  // namespace

RowGenerator::RowGenerator(const Profile& profile, uint64_t seed, uint64_t day_rows)
    : seed_(seed),
      day_rows_(day_rows == 0 ? profile.day_rows : day_rows),
      lifetime_days_(2 * profile.turnover_days),
      teacher_(profile, seed) {
  const double days = static_cast<double>(profile.rows) / static_cast<double>(profile.day_rows);
  for (size_t t = 0; t < kNumTables; ++t) {
    ranks_.emplace_back(profile.tokens[t], profile.rows, days / lifetime_days_);
    token_keys_[t] = mix(mix(seed) + t);
  }
  std::vector<double> normal(kQuantiles + 1);
  for (int i = 0; i <= kQuantiles; ++i)
    normal[i] = normal_quantile(std::clamp(i, 1, kQuantiles - 1) / double{kQuantiles});
  for (size_t i = 0; i < kNumDense; ++i) {
    const IntegerProfile& column = profile.integers[i];
    integers_[i].first = static_cast<uint32_t>(std::lround(column.missing * kQuantiles));
    integers_[i].values.resize(kQuantiles + 1);
    for (uint32_t k = integers_[i].first; k <= kQuantiles; ++k) {
      const uint32_t present = kQuantiles - integers_[i].first;
      const double z = normal[(k - integers_[i].first) * kQuantiles / present];
      const double value = std::floor(std::exp(column.location + column.spread * z)) - 1;
      integers_[i].values[k] = static_cast<int32_t>(std::clamp(value, 0.0, 1e9)) + column.minimum;
    }
  }
  calibrate(profile.click_rate);
}

Token RowGenerator::token(size_t column, uint32_t bin_word, uint32_t rank_word, uint32_t day) const {
  const RankTable::Draw draw = ranks_[column].draw(bin_word, rank_word);
  if (draw.missing) return {0, draw.weight};
  uint64_t hash = mix(token_keys_[column] + draw.rank);
  if (draw.rank >= RankTable::kSingles) {
    const uint32_t phase = static_cast<uint32_t>(((hash >> 32) * lifetime_days_) >> 32);
    const uint64_t generation = (day + phase) / lifetime_days_;
    if (generation > 0) hash = mix(hash + generation);
  }
  return {std::max(1U, static_cast<uint32_t>(hash)), draw.weight};
}

RowGenerator::Features RowGenerator::features(uint64_t stream, uint64_t number, uint32_t day) const {
  std::array<uint32_t, 4 * kRowBlocks> words;
  for (uint64_t i = 0; i < kRowBlocks; ++i) {
    const PhiloxBlock block = philox(seed_, 32 * number + i, stream);
    std::copy(block.begin(), block.end(), words.begin() + static_cast<ptrdiff_t>(4 * i));
  }
  Features result;
  std::array<Token, kNumTables> tokens;
  for (size_t t = 0; t < kNumTables; ++t) {
    tokens[t] = token(t, words[2 * t], words[2 * t + 1], day);
    result.row.tokens[t] = tokens[t].token;
  }
  std::array<float, kNumDense> logs;
  for (size_t i = 0; i < kNumDense; ++i) {
    const uint32_t word = words[2 * kNumTables + i];
    const uint32_t quantile = word / (uint32_t{1} << 20);
    if (quantile < integers_[i].first) {
      result.row.integers[i] = Row::kMissing;
      logs[i] = -1;
      continue;
    }
    const int64_t low = integers_[i].values[quantile], high = integers_[i].values[quantile + 1];
    result.row.integers[i] = static_cast<int32_t>(low + (((high - low) * (word & 0xfffff)) >> 20));
    logs[i] = transform_(result.row.integers[i]);
  }
  result.parts = teacher_.logit(logs, tokens);
  result.label_word = words[2 * kNumTables + kNumDense];
  return result;
}

float RowGenerator::logit(const LogitParts& parts, uint32_t day) const {
  static const uint64_t name = name_key("synth.day");
  const float drift = static_cast<float>(kDailyDeviation) * philox_normal(seed_, name, day);
  const float sum = scales_.dense * parts.dense + scales_.single * parts.single + scales_.pairs * parts.pairs;
  return std::clamp(intercept_ + drift + sum, -15.5F, 15.5F);
}

void RowGenerator::calibrate(double click_rate) {
  std::vector<float> dense, single, pairs;
  for (uint64_t number = 0; number < kCalibrationRows; ++number) {
    const LogitParts parts = features(name_key("synth.calibration"), number, 0).parts;
    dense.push_back(parts.dense);
    single.push_back(parts.single);
    pairs.push_back(parts.pairs);
  }
  scales_ = {share_scale(dense, kDenseShare), share_scale(single, kSingleShare),
             share_scale(pairs, kPairsShare)};
  double low = -30, high = 30;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    double sum = 0;
    for (uint64_t k = 0; k < kCalibrationRows; ++k) {
      const double x =
          scales_.dense * dense[k] + scales_.single * single[k] + scales_.pairs * pairs[k] + middle;
      sum += 1 / (1 + std::exp(-x));
    }
    (sum < click_rate * kCalibrationRows ? low : high) = middle;
  }
  intercept_ = static_cast<float>((low + high) / 2);
}

Row RowGenerator::row(uint64_t number) const {
  static const uint64_t name = name_key("synth.row");
  const auto day = static_cast<uint32_t>(number / day_rows_);
  Features made = features(name, number, day);
  made.row.logit = logit(made.parts, day);
  const double probability = 1 / (1 + std::exp(-static_cast<double>(made.row.logit)));
  made.row.label = made.label_word < probability * 0x1p32 ? 1 : 0;
  return made.row;
}

}  // namespace pss::synth
