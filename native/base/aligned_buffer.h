// Zero-filled memory that starts on a cache line; large buffers ask for huge pages, because lookups in M land
// anywhere.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"

namespace pss {

template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t count) : count_(count) {
    if (count == 0) return;
    constexpr size_t kHugePage = size_t{1} << 21, kPage = 4096;
    bytes_ = count * sizeof(T);
    const size_t page = bytes_ >= kHugePage / 2 ? kHugePage : kPage;
    bytes_ = (bytes_ + page - 1) / page * page;
    // Anonymous pages come zeroed and cost nothing until touched; a bit more is mapped so that the start can
    // be aligned.
    mapped_bytes_ = bytes_ + page;
    mapped_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped_ == MAP_FAILED) {
      mapped_ = nullptr;
      throw Error("ERR_MEMORY", "Out of memory: " + std::to_string(bytes_) + " bytes were asked for.");
    }
    const auto address = reinterpret_cast<uintptr_t>(mapped_);
    data_ = reinterpret_cast<T*>((address + page - 1) / page * page);
    if (page == kHugePage) madvise(data_, bytes_, MADV_HUGEPAGE);
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept { swap(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() {
    if (mapped_) munmap(mapped_, mapped_bytes_);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return count_; }
  size_t bytes() const { return bytes_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  void swap(AlignedBuffer& other) noexcept {
    std::swap(mapped_, other.mapped_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    std::swap(bytes_, other.bytes_);
  }
  void* mapped_ = nullptr;
  size_t mapped_bytes_ = 0;
  T* data_ = nullptr;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

// Rows are padded to whole vectors of this many floats, so that every row starts on a cache line.
constexpr int64_t kVector = 16;

inline int64_t pad_to_vector(int64_t n) {
  return (n + kVector - 1) / kVector * kVector;
}

// Floats between the rows of a tensor of so many columns; a single column isn't padded.
inline int64_t row_length(int64_t cols) {
  return cols == 1 ? 1 : pad_to_vector(cols);
}

}  // namespace pss
