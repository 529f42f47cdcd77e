// Draws ranks of a power law in constant time from two random words.
#pragma once

#include <cstdint>
#include <vector>

#include "synth/profile.h"

namespace pss::synth {

// Rank r = 0, 1, ... has a probability proportional to (r + 3)^-exponent. There are as many ranks as it takes
// for the column's number of distinct values to appear among the profile's rows. Ranks lie in bins, one rank
// each at first and geometrically wider later, within which all are equally likely; a missing value is a bin
// of its own. The bin is drawn by Walker's alias method.
class RankTable {
 public:
  // Within the first ranks a bin holds one rank.
  static constexpr uint32_t kSingles = 64;

  struct Draw {
    bool missing;
    uint32_t rank;
    // How much a value of this rank weighs in the label: (1 + r/100)^-1/4, 1 for a missing one.
    float weight;
  };

  // `turnovers`: how many times the ranks beyond the first are given to new values, over the profile's rows.
  RankTable(const TokenProfile& column, uint64_t rows, double turnovers);

  Draw draw(uint32_t bin_word, uint32_t rank_word) const {
    const uint64_t place = uint64_t{bin_word} * bins_.size();
    const Bin* bin = &bins_[place >> 32];
    if (static_cast<uint32_t>(place) >= bin->threshold) bin = &bins_[bin->alias];
    const uint32_t rank = bin->first + static_cast<uint32_t>((uint64_t{rank_word} * bin->ranks) >> 32);
    return {bin->ranks == 0, rank, bin->weight};
  }

 private:
  struct Bin {
    uint32_t first;
    // 0 for the missing value.
    uint32_t ranks;
    uint32_t threshold;
    uint32_t alias;
    float weight;
  };
  void fill_alias_table(const std::vector<double>& probabilities);

  std::vector<Bin> bins_;
};

}  // namespace pss::synth
