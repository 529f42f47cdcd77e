// Streams, events and memory of a device, each given back by its owner's destructor. All belong to the thread
// that holds the device's context.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "backend/cuda/driver.h"

namespace pss {

// Work queued on one stream runs in order. Doesn't wait for the device's default stream.
class CudaStream {
 public:
  CudaStream();
  ~CudaStream();
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  CudaStreamHandle handle() const { return handle_; }
  void synchronize() const;

 private:
  CudaStreamHandle handle_ = nullptr;
};

class CudaEvent {
 public:
  explicit CudaEvent(bool timing = false);
  ~CudaEvent();
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;
  void record(const CudaStream& stream);
  // Later work of `stream` runs after the last record; nothing to wait for before the first.
  void wait_on(const CudaStream& stream) const;
  void synchronize() const;
  // Milliseconds from `start` to this; both have been recorded with timing, and this has happened.
  float milliseconds_since(const CudaEvent& start) const;

 private:
  CudaEventHandle handle_ = nullptr;
};

// Memory of the device, zero-filled through `stream`.
class CudaMemory {
 public:
  CudaMemory() = default;
  CudaMemory(size_t bytes, const CudaStream& stream);
  CudaMemory(CudaMemory&& other) noexcept { swap(other); }
  CudaMemory& operator=(CudaMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  ~CudaMemory();
  void* data() const { return reinterpret_cast<void*>(pointer_); }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data());
  }
  size_t bytes() const { return bytes_; }

 private:
  void swap(CudaMemory& other) noexcept {
    std::swap(pointer_, other.pointer_);
    std::swap(bytes_, other.bytes_);
  }
  CudaPointer pointer_ = 0;
  size_t bytes_ = 0;
};

// Host memory that copies can use while the host goes on.
class PinnedMemory {
 public:
  explicit PinnedMemory(size_t bytes);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

// Copies queued on a stream; host memory must stay as it is until they ran.
void copy_to_device(void* to, const void* from, size_t bytes, const CudaStream& stream);
void copy_to_host(void* to, const void* from, size_t bytes, const CudaStream& stream);
void copy_on_device(void* to, const void* from, size_t bytes, const CudaStream& stream);
// `count` words of 32 bits.
void fill_words(void* to, uint32_t word, size_t count, const CudaStream& stream);

// Device memory that holds `values`; none for an empty list. The caller's memory is free on return.
template <typename T>
CudaMemory upload(const std::vector<T>& values, const CudaStream& stream) {
  if (values.empty()) return {};
  CudaMemory memory(values.size() * sizeof(T), stream);
  copy_to_device(memory.data(), values.data(), values.size() * sizeof(T), stream);
  stream.synchronize();
  return memory;
}

}  // namespace pss
