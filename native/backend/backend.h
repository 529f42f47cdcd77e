// Where a program's floats live: the one thing that compiling a graph must know about a device.
#pragma once

#include <cstdint>
#include <memory>

namespace pss {

// An array of floats that lives as long as someone holds its owner.
struct FloatStorage {
  float* data = nullptr;
  int64_t size = 0;
  std::shared_ptr<void> owner;
};

class Backend {
 public:
  virtual ~Backend() = default;
  // Zero-filled, on a cache line at least. Throws ERR_MEMORY.
  virtual FloatStorage allocate(int64_t floats) = 0;
  // Copies from and to the host; done when they return.
  virtual void copy_in(float* to, const float* from, int64_t floats) = 0;
  virtual void copy_out(float* to, const float* from, int64_t floats) = 0;
  virtual void fill(float* data, int64_t floats, float value) = 0;
  // Whether the host can read and write the storage itself.
  virtual bool on_host() const = 0;
};

}  // namespace pss
