#include "graph/batch_upload.h"

#include <cstring>

namespace pss {

namespace {

constexpr size_t kAlignment = 256;

size_t aligned(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

BatchUpload::BatchUpload(int64_t max_batch, int64_t num_dense, int64_t num_tables, const CudaStream* compute)
    : num_dense_(num_dense), num_tables_(num_tables), compute_(compute) {
  const auto rows = static_cast<size_t>(max_batch);
  dense_at_ = kAlignment;
  sparse_at_ = dense_at_ + aligned(rows * static_cast<size_t>(num_dense) * sizeof(float));
  labels_at_ = sparse_at_ + aligned(rows * static_cast<size_t>(num_tables) * sizeof(uint32_t));
  for (int i = 0; i < kSlots; i++) {
    slots_.push_back(std::make_unique<Slot>(labels_at_ + aligned(rows), *compute));
  }
}

UploadedBatch BatchUpload::next(const Batch& batch, const StepControl& control) {
  const int index = next_;
  next_ = (next_ + 1) % kSlots;
  Slot& slot = *slots_[index];
  if (slot.used) {
    slot.uploaded.synchronize();
    slot.consumed.wait_on(copies_);
  } else {
    // The device's memory is zeroed on the compute stream.
    slot.consumed.record(*compute_);
    slot.consumed.wait_on(copies_);
  }
  slot.used = true;
  const auto rows = static_cast<size_t>(batch.B);
  char* host = static_cast<char*>(slot.host.data());
  char* device = slot.device.as<char>();
  const auto put = [&](size_t at, const void* from, size_t bytes) {
    std::memcpy(host + at, from, bytes);
    copy_to_device(device + at, host + at, bytes, copies_);
  };
  put(0, &control, kStepInputBytes);
  put(dense_at_, batch.dense, rows * static_cast<size_t>(num_dense_) * sizeof(float));
  put(sparse_at_, batch.sparse, rows * static_cast<size_t>(num_tables_) * sizeof(uint32_t));
  put(labels_at_, batch.labels, rows);
  slot.uploaded.record(copies_);
  slot.uploaded.wait_on(*compute_);
  return {index,
          {batch.B, reinterpret_cast<const uint8_t*>(device + labels_at_),
           reinterpret_cast<const float*>(device + dense_at_),
           reinterpret_cast<const uint32_t*>(device + sparse_at_)},
          device};
}

void BatchUpload::release(int slot) {
  slots_[slot]->consumed.record(*compute_);
}

}  // namespace pss
