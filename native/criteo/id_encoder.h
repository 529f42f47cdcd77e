// The dictionaries of all columns while rows are read, with their files: for every column, `<column>.values`
// has the value of every id in order, and `<column>.pending` the values put aside, in the order of the rows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "criteo/row_parser.h"
#include "criteo/vocabulary.h"
#include "criteo/word_file.h"

namespace pss::criteo {

// Lengths of the files, per column.
struct EncodedCounts {
  std::array<uint64_t, kNumTables> values{};
  std::array<uint64_t, kNumTables> pending{};
};

struct IdEncoderOptions {
  std::string folder;
  // For all dictionaries together.
  uint64_t memory_bytes;
  // Where to go on; what the files hold beyond that is dropped.
  EncodedCounts start;
};

class IdEncoder {
 public:
  // Throws CriteoError ERR_WRITE, ERR_READ.
  explicit IdEncoder(const IdEncoderOptions& options);

  // Replaces one column of a [rows, 26] array by ids. Different columns may be encoded at the same time. When
  // it returns, what is new is in the files. Throws CriteoError ERR_WRITE or ERR_NO_SPACE.
  void encode_column(size_t column, uint32_t* sparse, size_t rows);

  EncodedCounts counts() const;

 private:
  struct Column {
    Column(MemoryBudget* budget, const IdEncoderOptions& options, size_t column);
    Vocabulary vocabulary;
    WordWriter values;
    WordWriter pending;
    std::vector<uint32_t> fresh_words;
    std::vector<uint32_t> pending_words;
  };

  MemoryBudget budget_;
  std::vector<std::unique_ptr<Column>> columns_;
};

}  // namespace pss::criteo
