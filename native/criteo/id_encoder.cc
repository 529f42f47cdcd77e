#include "criteo/id_encoder.h"

namespace pss::criteo {

namespace {

std::string path_of(const IdEncoderOptions& options, size_t column, const char* kind) {
  return options.folder + '/' + std::to_string(column) + "." + kind;
}

}  // namespace

IdEncoder::Column::Column(MemoryBudget* budget, const IdEncoderOptions& options, size_t column)
    : vocabulary(budget),
      values(path_of(options, column, "values"), options.start.values[column]),
      pending(path_of(options, column, "pending"), options.start.pending[column]) {
  WordReader known(path_of(options, column, "values"));
  vocabulary.restore(&known, options.start.values[column], options.start.pending[column] > 0);
}

IdEncoder::IdEncoder(const IdEncoderOptions& options) : budget_(options.memory_bytes) {
  for (size_t column = 0; column < kNumTables; ++column) {
    columns_.push_back(std::make_unique<Column>(&budget_, options, column));
  }
}

void IdEncoder::encode_column(size_t column, uint32_t* sparse, size_t rows) {
  Column& it = *columns_[column];
  it.fresh_words.clear();
  it.pending_words.clear();
  it.vocabulary.encode(sparse + column, rows, kNumTables, &it.fresh_words, &it.pending_words);
  it.values.append(it.fresh_words.data(), it.fresh_words.size());
  it.pending.append(it.pending_words.data(), it.pending_words.size());
}

EncodedCounts IdEncoder::counts() const {
  EncodedCounts counts;
  for (size_t column = 0; column < kNumTables; ++column) {
    counts.values[column] = columns_[column]->values.size();
    counts.pending[column] = columns_[column]->pending.size();
  }
  return counts;
}

}  // namespace pss::criteo
