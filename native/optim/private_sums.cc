#include "optim/private_sums.h"

#include <algorithm>

namespace pss {

namespace {

// How many floats ahead a sum's cache line is asked for.
constexpr int64_t kAhead = 32;

}  // namespace

PrivateSums::PrivateSums(const ThreadTeam* team, int64_t memory_size, int64_t row_floats, float empty)
    : team_(team),
      memory_size_(memory_size),
      row_floats_(row_floats),
      empty_(empty),
      sums_(static_cast<size_t>(kParts * memory_size)) {
  std::fill_n(sums_.data(), sums_.size(), empty);
}

template <typename Number>
void PrivateSums::add_rows(float* sums, const uint32_t* starts, const Number* dslots, int64_t ld,
                           int64_t rows) const {
  const uint32_t* last = starts + rows * row_floats_ - 1;
  for (int64_t b = 0; b < rows; b++, starts += row_floats_, dslots += ld) {
    for (int64_t i = 0; i < row_floats_; i++) {
      __builtin_prefetch(sums + *std::min(starts + i + kAhead, last), 1);
      // Adding zero turns -0 into +0, which keeps kUntouched unmistakable.
      sums[starts[i]] += to_float(dslots[i]) + 0.0f;
    }
  }
}

void PrivateSums::add(const uint32_t* starts, const Matrix& dslots, int64_t B) {
  team_->run(kParts, [&](int64_t part) {
    const int64_t first = B * part / kParts, last = B * (part + 1) / kParts;
    visit_rows(dslots, first, [&](const auto* rows) {
      add_rows(sums_.data() + part * memory_size_, starts + first * row_floats_, rows, dslots.ld,
               last - first);
    });
  });
}

void PrivateSums::take(float* gradient, int64_t first, int64_t n) {
  float* sums = sums_.data() + first;
  static_assert(kParts == 4);
  float *second = sums + memory_size_, *third = second + memory_size_, *fourth = third + memory_size_;
  for (int64_t i = 0; i < n; i++) gradient[i] = ((sums[i] + second[i]) + third[i]) + fourth[i];
  for (int64_t part = 0; part < kParts; part++) std::fill_n(sums + part * memory_size_, n, empty_);
}

}  // namespace pss
