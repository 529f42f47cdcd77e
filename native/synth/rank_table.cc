#include "synth/rank_table.h"

#include <algorithm>
#include <cmath>

namespace pss::synth {

namespace {

constexpr double kShift = 3;

// A table this small is taken to be all there is.
constexpr uint32_t kSmall = 20;
// More than this many ranks, seen from the distinct values, are not looked for: they hardly appear.
constexpr double kMostRanks = 16;

struct Span {
  uint32_t first, ranks;
};

std::vector<Span> make_spans(uint32_t values) {
  std::vector<Span> spans;
  for (uint32_t first = 0; first < values;) {
    const uint32_t width = first < RankTable::kSingles ? 1 : first / 16;
    spans.push_back({first, std::min(width, values - first)});
    first += spans.back().ranks;
  }
  return spans;
}

// Probability of each span, by the power law at its middle.
std::vector<double> span_probabilities(const std::vector<Span>& spans, double exponent) {
  std::vector<double> probabilities;
  double sum = 0;
  for (const Span& span : spans) {
    const double middle = span.first + (span.ranks - 1) / 2.0;
    probabilities.push_back(span.ranks * std::pow(middle + kShift, -exponent));
    sum += probabilities.back();
  }
  for (double& probability : probabilities) probability /= sum;
  return probabilities;
}

// Distinct values expected among `rows` values drawn.
double expected_distinct(const std::vector<Span>& spans, const std::vector<double>& probabilities,
                         double rows, double turnovers) {
  double distinct = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    const double lives = spans[i].first < RankTable::kSingles ? 1 : 1 + turnovers;
    const double draws = rows * probabilities[i] / spans[i].ranks / lives;
    distinct += spans[i].ranks * lives * -std::expm1(-draws);
  }
  return distinct;
}

// How many ranks show `column.distinct` values among `rows` values drawn.
uint32_t count_ranks(const TokenProfile& column, double rows, double turnovers) {
  if (column.distinct <= kSmall) return column.distinct;
  double low = 0, high = std::log(kMostRanks * column.distinct);
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    const std::vector<Span> spans = make_spans(static_cast<uint32_t>(std::exp(middle)));
    const std::vector<double> probabilities = span_probabilities(spans, column.exponent);
    (expected_distinct(spans, probabilities, rows, turnovers) > column.distinct ? high : low) = middle;
  }
  return static_cast<uint32_t>(std::exp(high));
}

}  // namespace

RankTable::RankTable(const TokenProfile& column, uint64_t rows, double turnovers) {
  const double present = (1.0 - column.missing) * static_cast<double>(rows);
  const std::vector<Span> spans = make_spans(count_ranks(column, present, turnovers));
  std::vector<double> probabilities = span_probabilities(spans, column.exponent);
  for (double& probability : probabilities) probability *= 1.0 - column.missing;
  for (const Span& span : spans) {
    const double middle = span.first + (span.ranks - 1) / 2.0;
    bins_.push_back({span.first, span.ranks, 0, 0, static_cast<float>(std::pow(1 + middle / 100, -0.25))});
  }
  if (column.missing > 0) {
    bins_.push_back({0, 0, 0, 0, 1});
    probabilities.push_back(column.missing);
  }
  fill_alias_table(probabilities);
}

void RankTable::fill_alias_table(const std::vector<double>& probabilities) {
  const size_t count = bins_.size();
  std::vector<double> left(count);
  std::vector<uint32_t> poor, rich;
  for (uint32_t i = 0; i < count; ++i) {
    left[i] = probabilities[i] * static_cast<double>(count);
    (left[i] < 1 ? poor : rich).push_back(i);
  }
  for (uint32_t i = 0; i < count; ++i) {
    bins_[i].threshold = 0xffffffff;
    bins_[i].alias = i;
  }
  while (!poor.empty() && !rich.empty()) {
    const uint32_t taker = poor.back(), giver = rich.back();
    poor.pop_back();
    bins_[taker].threshold = static_cast<uint32_t>(left[taker] * 0x1p32);
    bins_[taker].alias = giver;
    left[giver] -= 1 - left[taker];
    if (left[giver] < 1) {
      rich.pop_back();
      poor.push_back(giver);
    }
  }
}

}  // namespace pss::synth
