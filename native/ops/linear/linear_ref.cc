#include "ops/linear/linear.h"

namespace pss {

void linear_forward_ref(const Matrix& y, const Matrix& x, const float* weights, int64_t w_ld,
                        const float* bias, bool relu, Precision precision, int64_t first, int64_t last,
                        int64_t K, int64_t N) {
  for (int64_t b = first; b < last; b++) {
    visit_rows(y, b, [&](auto* out) {
      visit_rows(x, b, [&](const auto* in) {
        for (int64_t n = 0; n < N; n++) {
          float sum = 0;
          for (int64_t k = 0; k < K; k++) sum += to_float(in[k]) * rounded(weights[n * w_ld + k], precision);
          if (bias) sum += bias[n];
          assign(out[n], relu && !(sum > 0) ? 0 : sum);
        }
      });
    });
  }
}

void linear_mask_ref(const Matrix& dz, float* dbias, const Matrix& dy, const Matrix& y, int64_t first,
                     int64_t last, int64_t N) {
  for (int64_t n = 0; n < N; n++) dbias[n] = 0;
  for (int64_t b = first; b < last; b++) {
    visit_rows(dz, b, [&](auto* out) {
      visit_rows(dy, b, [&](const auto* gradient) {
        const auto* value = static_cast<decltype(gradient)>(y.data);
        for (int64_t n = 0; n < N; n++) {
          assign(out[n], value && !(to_float(value[b * y.ld + n]) > 0) ? 0 : to_float(gradient[n]));
          dbias[n] += to_float(out[n]);
        }
      });
    });
  }
}

void linear_dx_ref(const Matrix& dx, const Matrix& dz, const float* weights, int64_t w_ld,
                   Precision precision, int64_t first, int64_t last, int64_t K, int64_t N) {
  for (int64_t b = first; b < last; b++) {
    visit_rows(dx, b, [&](auto* out) {
      visit_rows(dz, b, [&](const auto* in) {
        for (int64_t k = 0; k < K; k++) {
          float sum = 0;
          for (int64_t n = 0; n < N; n++) sum += to_float(in[n]) * rounded(weights[n * w_ld + k], precision);
          assign(out[k], sum);
        }
      });
    });
  }
}

void linear_dweight_ref(float* dweights, int64_t w_ld, const Matrix& dz, const Matrix& x, int64_t B,
                        int64_t K, int64_t first, int64_t last) {
  for (int64_t n = first; n < last; n++) {
    for (int64_t k = 0; k < K; k++) dweights[n * w_ld + k] = 0;
    for (int64_t b = 0; b < B; b++) {
      const float d = visit_rows(dz, b, [&](const auto* row) { return to_float(row[n]); });
      visit_rows(x, b, [&](const auto* row) {
        for (int64_t k = 0; k < K; k++) dweights[n * w_ld + k] += d * to_float(row[k]);
      });
    }
  }
}

}  // namespace pss
