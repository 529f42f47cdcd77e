// Blocks of synthetic rows on all threads, and what they have come to so far.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "backend/cpu/thread_team.h"
#include "criteo/hyperloglog.h"
#include "synth/best_score.h"
#include "synth/row_generator.h"

namespace pss::synth {

class Synthesizer {
 public:
  Synthesizer(const Profile& profile, uint64_t seed, uint64_t day_rows, int threads);

  // Rows first, first + 1, ...: label [rows], dense [rows, 13] (log(1 + max(v, 0))), sparse [rows, 26]
  // (tokens), and logit [rows] unless null.
  void fill(uint64_t first, int64_t rows, uint8_t* label, float* dense, uint32_t* sparse, float* logit);
  // The same rows as text; `out` has room for rows · kMaxRowBytes. Returns the bytes written.
  int64_t write(uint64_t first, int64_t rows, char* out);

  struct Summary {
    uint64_t rows, clicks;
    // Estimates.
    std::array<uint64_t, kNumTables> distinct;
    double best_auc, best_log_loss, baseline_log_loss;
  };
  // Of all rows made so far.
  Summary summary() const;
  uint64_t day_rows() const { return generator_.day_rows(); }

 private:
  // Rows of a task.
  static constexpr int64_t kTaskRows = 1024;
  // What one thread has counted.
  struct Tally {
    uint64_t clicks = 0;
    BestScore score;
    std::array<criteo::HyperLogLog, kNumTables> distinct;
  };
  // Makes a row and counts it for the calling thread.
  Row make(uint64_t number);

  RowGenerator generator_;
  ThreadTeam team_;
  std::vector<Tally> tallies_;
};

}  // namespace pss::synth
