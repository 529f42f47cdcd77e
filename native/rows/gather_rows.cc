#include "rows/gather_rows.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"

namespace pss {

namespace {

constexpr int64_t kLine = 64;
// A row anywhere in a large buffer is a handful of cache misses; those of this many rows overlap.
constexpr int64_t kAhead = 16;

void prefetch(const void* data, int64_t bytes) {
  const char* first = static_cast<const char*>(data);
  for (int64_t at = 0; at < bytes; at += kLine) __builtin_prefetch(first + at);
  __builtin_prefetch(first + bytes - 1);
}

}  // namespace

void gather_rows(const RowArrays& out, const RowArrays& rows, const uint32_t* order, int64_t count) {
  const int64_t dense_bytes = rows.N * static_cast<int64_t>(sizeof(float));
  const int64_t sparse_bytes = rows.T * static_cast<int64_t>(sizeof(uint32_t));
  const auto fetch = [&](int64_t i) {
    const int64_t row = order[i];
    if (row >= rows.rows) {
      throw Error("ERR_ARGUMENT",
                  "Row " + std::to_string(row) + " was asked for, of " + std::to_string(rows.rows) + ".");
    }
    __builtin_prefetch(rows.labels + row);
    prefetch(rows.dense + row * rows.N, dense_bytes);
    prefetch(rows.sparse + row * rows.T, sparse_bytes);
  };
  for (int64_t i = 0; i < std::min(kAhead, count); i++) fetch(i);
  for (int64_t i = 0; i < count; i++) {
    if (i + kAhead < count) fetch(i + kAhead);
    const int64_t row = order[i];
    out.labels[i] = rows.labels[row];
    std::memcpy(out.dense + i * rows.N, rows.dense + row * rows.N, static_cast<size_t>(dense_bytes));
    std::memcpy(out.sparse + i * rows.T, rows.sparse + row * rows.T, static_cast<size_t>(sparse_bytes));
  }
}

}  // namespace pss
