#include "criteo/id_resolver.h"

#include "criteo/column_threads.h"
#include "criteo/vocabulary.h"

namespace pss::criteo {

IdResolver::IdResolver(const IdResolverOptions& options) : jobs_(options.jobs), remap_(options.remap) {
  for (size_t i = 0; i < kNumTables; ++i) {
    const std::string prefix = options.folder + '/' + std::to_string(i);
    Column& column = columns_[i];
    if (remap_) {
      WordReader remap(prefix + ".remap");
      column.remap.resize(remap.size());
      remap.read(column.remap.data(), column.remap.size());
    }
    for (const uint64_t used : options.used[i]) {
      const std::string path = prefix + ".ids-" + std::to_string(column.rounds.size() + 1);
      column.rounds.push_back(std::make_unique<WordReader>(path, used));
    }
  }
}

void IdResolver::resolve(uint32_t* sparse, size_t rows) {
  for_each_column(jobs_, [&](size_t column) { resolve_column(&columns_[column], sparse + column, rows); });
}

void IdResolver::resolve_column(Column* column, uint32_t* ids, size_t rows) const {
  for (size_t row = 0; row < rows; ++row) {
    uint32_t& id = ids[row * kNumTables];
    if (id != kPending) {
      if (remap_) id = column->remap[id];
      continue;
    }
    for (size_t round = 0; id == kPending; ++round) id = column->rounds.at(round)->next();
  }
}

std::array<std::vector<uint64_t>, kNumTables> IdResolver::used() const {
  std::array<std::vector<uint64_t>, kNumTables> used;
  for (size_t i = 0; i < kNumTables; ++i) {
    for (const auto& round : columns_[i].rounds) used[i].push_back(round->position());
  }
  return used;
}

}  // namespace pss::criteo
