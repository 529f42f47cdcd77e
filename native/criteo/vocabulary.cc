#include "criteo/vocabulary.h"

#include <algorithm>
#include <new>

namespace pss::criteo {

namespace {
constexpr int kFirstBits = 10;
// Lookups whose cache lines are fetched together.
constexpr size_t kGroup = 16;
}  // namespace

Vocabulary::Vocabulary() : entries_(size_t{1} << kFirstBits, Entry{0, kEmpty}), shift_(64 - kFirstBits) {}

void Vocabulary::encode(uint32_t* values, size_t count, size_t stride) {
  size_t slots[kGroup];
  for (size_t first = 0; first < count; first += kGroup) {
    const size_t group = std::min(kGroup, count - first);
    // Room for the whole group, so the slots found below stay right.
    if ((values_.size() + group) * 2 > entries_.size()) grow();
    for (size_t i = 0; i < group; ++i) {
      slots[i] = slot_of(values[(first + i) * stride]);
      __builtin_prefetch(&entries_[slots[i]]);
    }
    for (size_t i = 0; i < group; ++i) {
      uint32_t& value = values[(first + i) * stride];
      value = id_of(value, slots[i]);
    }
  }
}

size_t Vocabulary::slot_of(uint32_t value) const {
  return static_cast<size_t>((value * 0x9e3779b97f4a7c15ULL) >> shift_);
}

uint32_t Vocabulary::id_of(uint32_t value, size_t slot) {
  const size_t mask = entries_.size() - 1;
  for (;; slot = (slot + 1) & mask) {
    Entry& entry = entries_[slot];
    if (entry.id == kEmpty) {
      if (values_.size() == kEmpty) throw std::bad_alloc();
      entry = {value, static_cast<uint32_t>(values_.size())};
      values_.push_back(value);
      return entry.id;
    }
    if (entry.value == value) return entry.id;
  }
}

void Vocabulary::grow() {
  std::vector<Entry> larger(entries_.size() * 2, Entry{0, kEmpty});
  --shift_;
  entries_.swap(larger);
  const size_t mask = entries_.size() - 1;
  for (const Entry& entry : larger) {
    if (entry.id == kEmpty) continue;
    size_t slot = slot_of(entry.value);
    while (entries_[slot].id != kEmpty) slot = (slot + 1) & mask;
    entries_[slot] = entry;
  }
}

}  // namespace pss::criteo
