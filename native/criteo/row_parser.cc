#include "criteo/row_parser.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "criteo/swar.h"

namespace pss::criteo {

namespace {

constexpr size_t kColumns = 1 + kNumDense + kNumTables;
constexpr size_t kExcerptBytes = 60;

std::string make_excerpt(std::string_view text) {
  std::string excerpt(text.substr(0, kExcerptBytes));
  for (char& c : excerpt) {
    if ((c < 0x20 && c != '\t') || c > 0x7e) c = '?';
  }
  return excerpt;
}

std::string column_excerpt(char kind, size_t number, std::string_view field) {
  std::string excerpt(1, kind);
  excerpt += std::to_string(number);
  excerpt += ": ";
  excerpt += make_excerpt(field);
  return excerpt;
}

bool is_binary(std::string_view line) {
  return std::any_of(line.begin(), line.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return (byte < 0x20 && byte != '\t') || byte > 0x7e;
  });
}

enum class Field { kValid, kMalformed, kOutOfRange };

Field parse_integer(int32_t* value, std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty()) return negative ? Field::kMalformed : (*value = 0, Field::kValid);
  int64_t sum = 0;
  bool too_long = text.size() > 10;
  for (char c : text) {
    if (c < '0' || c > '9') return Field::kMalformed;
    if (!too_long) sum = sum * 10 + (c - '0');
  }
  if (negative) sum = -sum;
  if (too_long || sum < std::numeric_limits<int32_t>::min() || sum > std::numeric_limits<int32_t>::max()) {
    return Field::kOutOfRange;
  }
  *value = static_cast<int32_t>(sum);
  return Field::kValid;
}

bool parse_hex(uint32_t* value, std::string_view text) {
  if (text.size() > 8) return false;
  char digits[8];
  std::fill_n(digits, 8, '0');
  std::copy(text.begin(), text.end(), digits + 8 - text.size());
  return parse_hex8(value, digits);
}

template <typename T>
void grow_array(std::unique_ptr<T[]>* array, size_t used, size_t capacity) {
  auto larger = std::make_unique_for_overwrite<T[]>(capacity);
  if (used > 0) std::memcpy(larger.get(), array->get(), used * sizeof(T));
  *array = std::move(larger);
}

}  // namespace

const char* reject_reason_name(RejectReason reason) {
  switch (reason) {
    case RejectReason::kColumns:
      return "columns";
    case RejectReason::kLabel:
      return "label";
    case RejectReason::kInteger:
      return "integer";
    case RejectReason::kRange:
      return "range";
    case RejectReason::kHex:
      return "hex";
    case RejectReason::kLongLine:
      return "long-line";
    case RejectReason::kBinary:
      return "binary";
    case RejectReason::kTruncated:
      return "truncated-gzip";
    case RejectReason::kCount:
      break;
  }
  return "";
}

void RowColumns::grow() {
  const size_t larger = std::max<size_t>(1024, capacity * 2);
  grow_array(&label, rows, larger);
  grow_array(&dense, rows * kNumDense, larger * kNumDense);
  grow_array(&sparse, rows * kNumTables, larger * kNumTables);
  capacity = larger;
}

void ParsedText::clear() {
  columns.rows = 0;
  lines = 0;
  clicks = 0;
  rejected.fill(0);
  samples.clear();
}

RowParser::RowParser(const ParseOptions& options)
    : options_(options),
      transform_(options.dense),
      modulo_magic_(options.max_index == 0 ? 0 : ~0ULL / options.max_index + 1) {}

void RowParser::parse(ParsedText* out, const char* text, size_t size, bool truncated) const {
  out->clear();
  RowColumns& columns = out->columns;
  const char* at = text;
  const char* const end = text + size;
  const char* stump = end;
  if (truncated) {
    const void* previous = size < 2 ? nullptr : memrchr(text, '\n', size - 1);
    stump = previous == nullptr ? text : static_cast<const char*>(previous) + 1;
  }
  while (at < end) {
    if (columns.rows == columns.capacity) columns.grow();
    uint8_t* const label = columns.label.get() + columns.rows;
    float* const dense = columns.dense.get() + columns.rows * kNumDense;
    uint32_t* const sparse = columns.sparse.get() + columns.rows * kNumTables;
    ++out->lines;
    const char* next = at == stump ? nullptr : parse_row_fast(at, label, dense, sparse);
    bool accepted = next != nullptr;
    if (!accepted) {
      const char* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
      next = newline + 1;
      Reject reject{RejectReason::kTruncated, out->lines, {}};
      const auto length = static_cast<size_t>(newline - at);
      if (at == stump) {
        reject.excerpt = make_excerpt({at, length});
      } else {
        accepted = parse_row_slow(&reject, at, length, label, dense, sparse);
      }
      if (!accepted) {
        ++out->rejected[static_cast<size_t>(reject.reason)];
        if (out->samples.size() < kMaxSamples) out->samples.push_back(std::move(reject));
      }
    }
    if (accepted) {
      if (options_.max_index != 0) reduce_ids(sparse);
      out->clicks += *label;
      ++columns.rows;
    }
    at = next;
  }
}

// A plain row: integers of at most seven characters, categories of none or exactly eight. Returns where the
// next row starts, or nullptr for anything else, which parse_row_slow then judges. Fields end only at a tab,
// so a line end is never crossed; a read of eight bytes beyond the last one stays inside the padding.
const char* RowParser::parse_row_fast(const char* at, uint8_t* label, float* dense, uint32_t* sparse) const {
  const char* const line = at;
  const int digit = at[0] - '0';
  if ((digit & ~1) != 0 || at[1] != '\t') return nullptr;
  *label = static_cast<uint8_t>(digit);
  at += 2;
  for (size_t i = 0; i < kNumDense; ++i) {
    uint64_t word = load_word(at);
    int length = find_tab(word);
    if (length == 8) return nullptr;
    at += length + 1;
    if (length == 0) {
      dense[i] = transform_(0);
      continue;
    }
    const bool negative = (word & 0xff) == '-';
    if (negative) {
      word >>= 8;
      if (--length == 0) return nullptr;
    }
    uint32_t magnitude;
    if (!parse_digits(&magnitude, word, length)) return nullptr;
    const auto value = static_cast<int32_t>(magnitude);
    dense[i] = transform_(negative ? -value : value);
  }
  for (size_t t = 0; t + 1 < kNumTables; ++t) {
    if (*at == '\t') {
      sparse[t] = 0;
      ++at;
      continue;
    }
    // A byte that isn't hex, the newline included, stops here; so the ninth byte still belongs to this row or
    // the padding.
    if (!parse_hex8(&sparse[t], at) || at[8] != '\t') return nullptr;
    at += 9;
  }
  uint32_t& last = sparse[kNumTables - 1];
  if (*at == '\n' || *at == '\r') {
    last = 0;
  } else {
    if (!parse_hex8(&last, at)) return nullptr;
    at += 8;
  }
  if (*at == '\r') ++at;
  return *at == '\n' && static_cast<size_t>(at - line) <= options_.max_line_bytes ? at + 1 : nullptr;
}

// The definition of a row. Fills the outputs and returns true, or describes the first fault in `reject`.
bool RowParser::parse_row_slow(Reject* reject, const char* line, size_t size, uint8_t* label, float* dense,
                               uint32_t* sparse) const {
  std::string_view text(line, size);
  const auto fail = [&](RejectReason reason, std::string excerpt) {
    reject->reason = reason;
    reject->excerpt = std::move(excerpt);
    return false;
  };
  if (text.size() > options_.max_line_bytes) return fail(RejectReason::kLongLine, make_excerpt(text));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (is_binary(text)) return fail(RejectReason::kBinary, make_excerpt(text));
  const auto tabs = static_cast<size_t>(std::count(text.begin(), text.end(), '\t'));
  if (tabs + 1 != kColumns) return fail(RejectReason::kColumns, make_excerpt(text));

  for (size_t column = 0; column < kColumns; ++column) {
    const std::string_view field = text.substr(0, text.find('\t'));
    text.remove_prefix(std::min(text.size(), field.size() + 1));
    if (column == 0) {
      if (field != "0" && field != "1") return fail(RejectReason::kLabel, make_excerpt(field));
      *label = field == "1" ? 1 : 0;
    } else if (column <= kNumDense) {
      int32_t value = 0;
      const Field result = parse_integer(&value, field);
      if (result != Field::kValid) {
        return fail(result == Field::kMalformed ? RejectReason::kInteger : RejectReason::kRange,
                    column_excerpt('I', column, field));
      }
      dense[column - 1] = transform_(value);
    } else if (!parse_hex(&sparse[column - 1 - kNumDense], field)) {
      return fail(RejectReason::kHex, column_excerpt('C', column - kNumDense, field));
    }
  }
  return true;
}

// id mod max_index by two multiplications (Lemire, Kaser, Kurz: Faster remainder by direct computation,
// 2019).
void RowParser::reduce_ids(uint32_t* sparse) const {
  for (size_t t = 0; t < kNumTables; ++t) {
    const uint64_t fraction = modulo_magic_ * sparse[t];
    sparse[t] = static_cast<uint32_t>((static_cast<unsigned __int128>(fraction) * options_.max_index) >> 64);
  }
}

}  // namespace pss::criteo
