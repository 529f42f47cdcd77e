// The dictionary of one column: 32-bit value -> contiguous id, numbered by first appearance, within a bound
// of memory.
//
// Once the bound is reached the dictionary takes no further values. Values it doesn't know then get the
// mark kPending and are put aside in the order in which they come. Their ids follow those given so far, and
// are found by the same method in the next round, which reads nothing but what was put aside: every value
// that has an id already is missing there, so order of first appearance stays exact over all rounds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "criteo/word_file.h"

namespace pss::criteo {

// In the place of an id: to be given in a later round.
constexpr uint32_t kPending = 0xffffffff;

// Bytes that several dictionaries share.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t bytes) : left_(static_cast<int64_t>(bytes)) {}
  bool take(uint64_t bytes) {
    if (left_.fetch_sub(static_cast<int64_t>(bytes)) >= static_cast<int64_t>(bytes)) return true;
    give(bytes);
    return false;
  }
  void give(uint64_t bytes) { left_.fetch_add(static_cast<int64_t>(bytes)); }

 private:
  std::atomic<int64_t> left_;
};

class Vocabulary {
 public:
  // Has a first small table whatever the budget, which must live as long as the dictionary does.
  explicit Vocabulary(MemoryBudget* budget);

  // Starts with the next `count` values, of a dictionary that had the same budget, as the ids 0, 1, ...; with
  // `full` further ones are put aside.
  void restore(WordReader* values, uint64_t count, bool full);

  // Makes room for so many values, or as many as the budget allows, so that the table needn't grow.
  void reserve(uint64_t values);

  // Replaces values[0], values[stride], ..., `count` of them, by their ids or kPending. Appends values that
  // are new to `fresh`, in the order of their ids, and every value put aside to `pending`.
  void encode(uint32_t* values, size_t count, size_t stride, std::vector<uint32_t>* fresh,
              std::vector<uint32_t>* pending);

  size_t size() const { return size_; }

 private:
  struct Entry {
    uint32_t value;
    uint32_t id;
  };
  static constexpr uint32_t kEmpty = 0xffffffff;

  size_t slot_of(uint32_t value) const;
  void place(Entry entry);
  void make_room(size_t values);
  bool rehash(size_t slots);

  MemoryBudget* budget_;
  // Open addressing, linear probing, at most half full while it can grow; the length is a power of two.
  std::vector<Entry> entries_;
  size_t size_ = 0;
  bool full_ = false;
  int shift_;
};

}  // namespace pss::criteo
