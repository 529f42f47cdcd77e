// Raw Criteo rows to columns: label, I1..I13, C1..C26, separated by tabs, one row a line.
//
// A row is accepted when it has 40 columns; the label is 0 or 1; each I is empty or a decimal number of at
// most ten digits with an optional minus sign, within int32; each C is empty or one to eight hex digits of
// either case. Empty means 0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "criteo/dense_transform.h"

namespace pss::criteo {

constexpr size_t kNumDense = 13;
constexpr size_t kNumTables = 26;
constexpr size_t kMaxSamples = 20;
// Readable bytes that must follow the text given to the parser.
constexpr size_t kTextPadding = 64;

// In the order in which a faulty row is examined, but for kTruncated.
enum class RejectReason : uint8_t {
  kColumns,
  kLabel,
  kInteger,
  kRange,
  kHex,
  kLongLine,
  kBinary,
  kTruncated,
  kCount
};
const char* reject_reason_name(RejectReason reason);
using RejectCounts = std::array<uint64_t, static_cast<size_t>(RejectReason::kCount)>;

struct Reject {
  RejectReason reason;
  uint64_t line;  // from 1; relative to the text given to the parser
  std::string excerpt;
};

// Rows in columns that grow: label [rows], dense [rows, 13], sparse [rows, 26].
struct RowColumns {
  size_t rows = 0;
  size_t capacity = 0;
  std::unique_ptr<uint8_t[]> label;
  std::unique_ptr<float[]> dense;
  std::unique_ptr<uint32_t[]> sparse;

  void grow();
};

struct ParsedText {
  RowColumns columns;
  uint64_t lines = 0;
  uint64_t clicks = 0;
  RejectCounts rejected{};
  std::vector<Reject> samples;  // the first kMaxSamples

  void clear();
};

struct ParseOptions {
  DenseProfile dense = DenseProfile::kDlrm;
  uint32_t max_index = 0;  // ids are taken modulo this; 0 leaves them as they are
  size_t max_line_bytes = 65536;
};

// Has no state that changes: one parser serves any number of threads.
class RowParser {
 public:
  explicit RowParser(const ParseOptions& options);

  // Replaces what `out` held by the rows of `text`, whose last byte is a newline and which is followed by
  // kTextPadding readable bytes. With `truncated` the last line is the stump of one cut off, and is rejected
  // as such.
  void parse(ParsedText* out, const char* text, size_t size, bool truncated) const;

 private:
  const char* parse_row_fast(const char* at, uint8_t* label, float* dense, uint32_t* sparse) const;
  bool parse_row_slow(Reject* reject, const char* line, size_t size, uint8_t* label, float* dense,
                      uint32_t* sparse) const;
  void reduce_ids(uint32_t* sparse) const;

  ParseOptions options_;
  DenseTransform transform_;
  uint64_t modulo_magic_;
};

}  // namespace pss::criteo
