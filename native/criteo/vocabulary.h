// The dictionary of one column: 32-bit value -> contiguous id, numbered from 0 by first appearance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pss::criteo {

class Vocabulary {
 public:
  Vocabulary();

  // Replaces values[0], values[stride], ..., `count` of them, by their ids.
  void encode(uint32_t* values, size_t count, size_t stride);

  // Every value seen; its index is its id.
  const std::vector<uint32_t>& values() const { return values_; }

 private:
  struct Entry {
    uint32_t value;
    uint32_t id;
  };
  static constexpr uint32_t kEmpty = 0xffffffff;

  size_t slot_of(uint32_t value) const;
  uint32_t id_of(uint32_t value, size_t slot);
  void grow();

  // Open addressing, linear probing, at most half full; the length is a power of two.
  std::vector<Entry> entries_;
  std::vector<uint32_t> values_;
  int shift_;
};

}  // namespace pss::criteo
