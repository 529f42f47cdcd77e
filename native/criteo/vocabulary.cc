#include "criteo/vocabulary.h"

#include <algorithm>
#include <bit>
#include <new>

namespace pss::criteo {

namespace {
constexpr size_t kFirstSlots = 64;
// Lookups whose cache lines are fetched together.
constexpr size_t kGroup = 16;
}  // namespace

Vocabulary::Vocabulary(MemoryBudget* budget)
    : budget_(budget), entries_(kFirstSlots, Entry{0, kEmpty}), shift_(64 - std::countr_zero(kFirstSlots)) {}

void Vocabulary::restore(WordReader* values, uint64_t count, bool full) {
  // Three quarters full is what a table may be: the one these values come from wasn't smaller than this one.
  if (!rehash(std::bit_ceil(std::max<uint64_t>(kFirstSlots, (count * 4 + 2) / 3)))) throw std::bad_alloc();
  while (size_ < count) place({values->next(), static_cast<uint32_t>(size_++)});
  full_ = full;
}

void Vocabulary::reserve(uint64_t values) {
  size_t slots = std::bit_ceil(std::max<uint64_t>(kFirstSlots, values * 2));
  while (!rehash(slots)) slots /= 2;
}

void Vocabulary::encode(uint32_t* values, size_t count, size_t stride, std::vector<uint32_t>* fresh,
                        std::vector<uint32_t>* pending) {
  size_t slots[kGroup];
  for (size_t first = 0; first < count; first += kGroup) {
    const size_t group = std::min(kGroup, count - first);
    // Room for the whole group, so the slots found below stay right.
    if (!full_) make_room(group);
    for (size_t i = 0; i < group; ++i) {
      slots[i] = slot_of(values[(first + i) * stride]);
      __builtin_prefetch(&entries_[slots[i]]);
    }
    const size_t mask = entries_.size() - 1;
    for (size_t i = 0; i < group; ++i) {
      uint32_t& value = values[(first + i) * stride];
      size_t slot = slots[i];
      while (entries_[slot].id != kEmpty && entries_[slot].value != value) slot = (slot + 1) & mask;
      if (entries_[slot].id == kEmpty) {
        if (full_) {
          pending->push_back(value);
          value = kPending;
          continue;
        }
        fresh->push_back(value);
        entries_[slot] = {value, static_cast<uint32_t>(size_++)};
      }
      value = entries_[slot].id;
    }
  }
}

size_t Vocabulary::slot_of(uint32_t value) const {
  return static_cast<size_t>((value * 0x9e3779b97f4a7c15ULL) >> shift_);
}

void Vocabulary::place(Entry entry) {
  const size_t mask = entries_.size() - 1;
  size_t slot = slot_of(entry.value);
  while (entries_[slot].id != kEmpty) slot = (slot + 1) & mask;
  entries_[slot] = entry;
}

// Half full it grows, as long as it may; then it fills up to three quarters.
void Vocabulary::make_room(size_t values) {
  const size_t wanted = size_ + values;
  if (wanted * 2 <= entries_.size() || rehash(entries_.size() * 2)) return;
  full_ = wanted * 4 > entries_.size() * 3;
}

// Old and new table exist at the same time for a moment, so both count.
bool Vocabulary::rehash(size_t slots) {
  if (slots <= entries_.size()) return true;
  if (!budget_->take(slots * sizeof(Entry))) return false;
  std::vector<Entry> old(slots, Entry{0, kEmpty});
  entries_.swap(old);
  shift_ = 64 - std::countr_zero(slots);
  for (const Entry& entry : old) {
    if (entry.id != kEmpty) place(entry);
  }
  if (old.size() > kFirstSlots) budget_->give(old.size() * sizeof(Entry));
  return true;
}

}  // namespace pss::criteo
