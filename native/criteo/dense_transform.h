// How an integer feature becomes a float.
#pragma once

#include <cstdint>
#include <memory>

namespace pss::criteo {

enum class DenseProfile { kDlrm, kLog3, kNone };

// One feature, float32, rounded once from the float64 function; a missing value is given as 0.
//   kDlrm: log(1 + max(x, 0))      kLog3: log(3 + max(x, -2))      kNone: x
float transform_dense(DenseProfile profile, int32_t value);

// The same function with its first values tabled: most counts in click logs are small.
class DenseTransform {
 public:
  explicit DenseTransform(DenseProfile profile);

  float operator()(int32_t value) const {
    return static_cast<uint32_t>(value) < kTabled ? table_[value] : transform_dense(profile_, value);
  }

  DenseProfile profile() const { return profile_; }

 private:
  static constexpr uint32_t kTabled = 1 << 14;
  DenseProfile profile_;
  std::unique_ptr<float[]> table_;
};

}  // namespace pss::criteo
