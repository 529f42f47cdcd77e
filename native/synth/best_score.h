// The best score any model can reach on synthetic rows, from the probabilities their labels were drawn with.
#pragma once

#include <cstdint>
#include <vector>

namespace pss::synth {

// Rows by logit, in bins of 2^-9: integers, so that the sums don't depend on the order rows come in.
class BestScore {
 public:
  // |logit| < 16.
  void add(float logit);
  void merge(const BestScore& other);

  uint64_t rows() const;
  // Σ_{i,j} p_i (1 − p_j) [p_i > p_j] over Σ_{i,j} p_i (1 − p_j), ties counted half: the expected AUC of the
  // probabilities themselves, over the labels that could have been drawn.
  double auc() const;
  // Mean −p log p − (1 − p) log(1 − p): their expected log loss.
  double log_loss() const;
  // Log loss of the mean probability.
  double baseline_log_loss() const;

 private:
  static constexpr int kBinsPerUnit = 512;
  static constexpr int kBins = 32 * kBinsPerUnit;
  // A bin's probability, that of its middle.
  static double probability(int bin);
  double clicks() const;

  std::vector<uint64_t> counts_ = std::vector<uint64_t>(kBins);
};

}  // namespace pss::synth
