// What every op and update on a GPU is built with.
#pragma once

#include "backend/cuda/cuda_device.h"
#include "backend/cuda/cuda_resources.h"
#include "backend/cuda/step_control.h"

namespace pss {

class CublasLt;

struct CudaOpContext {
  CudaDevice* device;
  const CudaStream* stream;    // all of a step's kernels run here, in order
  const StepControl* control;  // in device memory
  bool training;
  bool deterministic;  // same bits every time; otherwise sums may use atomics
  bool tf32;           // matrix products may round their inputs to 10 bits of mantissa
  bool bf16;           // matrix products take bfloat16, weights keep float32 masters
  int64_t max_batch;
  CublasLt* library;  // null: the project's own products alone
};

}  // namespace pss
