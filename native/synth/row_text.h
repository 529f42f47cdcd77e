// Rows in the raw layout: label, I1..I13, C1..C26 as eight hex digits, separated by tabs; nothing where
// missing.
#pragma once

#include <cstddef>

#include "synth/row_generator.h"

namespace pss::synth {

// No row has more bytes: a digit, 13 integers of eleven characters, 26 tokens of eight, 40 separators.
constexpr size_t kMaxRowBytes = 1 + kNumDense * 11 + kNumTables * 8 + 40;

// Writes one row with its newline; returns the end.
char* write_row(char* out, const Row& row);

}  // namespace pss::synth
