#include "synth/best_score.h"

#include <cmath>

namespace pss::synth {

namespace {

double entropy(double p) {
  return -p * std::log(p) - (1 - p) * std::log1p(-p);
}

}  // namespace

void BestScore::add(float logit) {
  ++counts_[static_cast<size_t>((logit + 16) * kBinsPerUnit)];
}

void BestScore::merge(const BestScore& other) {
  for (int bin = 0; bin < kBins; ++bin) counts_[bin] += other.counts_[bin];
}

double BestScore::probability(int bin) {
  return 1 / (1 + std::exp(16 - (bin + 0.5) / kBinsPerUnit));
}

uint64_t BestScore::rows() const {
  uint64_t sum = 0;
  for (const uint64_t count : counts_) sum += count;
  return sum;
}

double BestScore::clicks() const {
  double sum = 0;
  for (int bin = 0; bin < kBins; ++bin) sum += static_cast<double>(counts_[bin]) * probability(bin);
  return sum;
}

double BestScore::auc() const {
  double ordered = 0, negatives = 0;
  for (int bin = 0; bin < kBins; ++bin) {
    const double count = static_cast<double>(counts_[bin]), p = probability(bin);
    ordered += count * p * (negatives + count * (1 - p) / 2);
    negatives += count * (1 - p);
  }
  return ordered / (clicks() * negatives);
}

double BestScore::log_loss() const {
  double sum = 0;
  for (int bin = 0; bin < kBins; ++bin) sum += static_cast<double>(counts_[bin]) * entropy(probability(bin));
  return sum / static_cast<double>(rows());
}

double BestScore::baseline_log_loss() const {
  return entropy(clicks() / static_cast<double>(rows()));
}

}  // namespace pss::synth
