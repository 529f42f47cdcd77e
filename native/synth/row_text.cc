#include "synth/row_text.h"

#include <charconv>

namespace pss::synth {

namespace {

char* write_hex(char* out, uint32_t token) {
  for (int shift = 28; shift >= 0; shift -= 4) *out++ = "0123456789abcdef"[token >> shift & 15];
  return out;
}

}  // namespace

char* write_row(char* out, const Row& row) {
  *out++ = static_cast<char>('0' + row.label);
  for (const int32_t value : row.integers) {
    *out++ = '\t';
    if (value != Row::kMissing) out = std::to_chars(out, out + 11, value).ptr;
  }
  for (const uint32_t token : row.tokens) {
    *out++ = '\t';
    if (token != 0) out = write_hex(out, token);
  }
  *out++ = '\n';
  return out;
}

}  // namespace pss::synth
