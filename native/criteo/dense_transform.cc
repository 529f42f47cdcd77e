#include "criteo/dense_transform.h"

#include <algorithm>
#include <cmath>

namespace pss::criteo {

float transform_dense(DenseProfile profile, int32_t value) {
  switch (profile) {
    case DenseProfile::kDlrm:
      // The value becomes float32 first, as in the published preprocessing.
      return static_cast<float>(std::log1p(static_cast<double>(static_cast<float>(std::max(value, 0)))));
    case DenseProfile::kLog3:
      return static_cast<float>(std::log(static_cast<double>(std::max(value, -2)) + 3.0));
    case DenseProfile::kNone:
      break;
  }
  return static_cast<float>(value);
}

DenseTransform::DenseTransform(DenseProfile profile)
    : profile_(profile), table_(std::make_unique<float[]>(kTabled)) {
  for (uint32_t value = 0; value < kTabled; ++value) {
    table_[value] = transform_dense(profile, static_cast<int32_t>(value));
  }
}

}  // namespace pss::criteo
