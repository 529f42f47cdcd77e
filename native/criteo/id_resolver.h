// Puts final ids in the place of those given while rows were read: pending ones from the later rounds' files
// (see pending_round.h), and where rare values were left out, the others by each column's `<column>.remap`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "criteo/row_parser.h"
#include "criteo/word_file.h"

namespace pss::criteo {

struct IdResolverOptions {
  std::string folder;
  size_t jobs;
  bool remap;
  // For every column, of each round: ids used already.
  std::array<std::vector<uint64_t>, kNumTables> used;
};

class IdResolver {
 public:
  explicit IdResolver(const IdResolverOptions& options);

  // The next rows, [rows, 26], in the order in which they were encoded. Throws CriteoError ERR_READ.
  void resolve(uint32_t* sparse, size_t rows);

  std::array<std::vector<uint64_t>, kNumTables> used() const;

 private:
  struct Column {
    std::vector<uint32_t> remap;
    std::vector<std::unique_ptr<WordReader>> rounds;
  };
  void resolve_column(Column* column, uint32_t* ids, size_t rows) const;

  size_t jobs_;
  bool remap_;
  std::array<Column, kNumTables> columns_;
};

}  // namespace pss::criteo
