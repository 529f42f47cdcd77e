// Brings batches to a GPU while earlier ones are worked on: two slots, each with pinned host memory and
// device memory for one batch and its step's constants.
#pragma once

#include <memory>
#include <vector>

#include "backend/cuda/cuda_resources.h"
#include "backend/cuda/step_control.h"
#include "ops/op.h"

namespace pss {

struct UploadedBatch {
  int slot;
  Batch batch;               // device pointers
  const void* step_control;  // kStepInputBytes in device memory
};

class BatchUpload {
 public:
  static constexpr int kSlots = 2;
  // `compute` is the stream that reads batches.
  BatchUpload(int64_t max_batch, int64_t num_dense, int64_t num_tables, const CudaStream* compute);

  // Copies the batch to the next slot, waiting on the host for the copy before it there; later work of the
  // compute stream sees it. The caller's memory is free on return.
  UploadedBatch next(const Batch& batch, const StepControl& control);
  // All work on the slot has been queued: it may be overwritten once that ran.
  void release(int slot);

 private:
  struct Slot {
    Slot(size_t bytes, const CudaStream& stream) : host(bytes), device(bytes, stream) {}
    PinnedMemory host;
    CudaMemory device;
    CudaEvent uploaded, consumed;
    bool used = false;
  };
  int64_t num_dense_, num_tables_;
  size_t dense_at_, sparse_at_, labels_at_;  // bytes from a slot's start; the step's constants lie first
  const CudaStream* compute_;
  CudaStream copies_;
  std::vector<std::unique_ptr<Slot>> slots_;
  int next_ = 0;
};

}  // namespace pss
