#include "backend/cuda/cuda_resources.h"

#include <algorithm>

namespace pss {

namespace {

CudaPointer address_of(const void* pointer) {
  return reinterpret_cast<CudaPointer>(pointer);
}

}  // namespace

CudaStream::CudaStream() {
  PSS_CUDA(cuda_driver().cuStreamCreate(&handle_, cuda::kStreamNonBlocking));
}

CudaStream::~CudaStream() {
  PSS_CUDA_WARN(cuda_driver().cuStreamDestroy(handle_));
}

void CudaStream::synchronize() const {
  PSS_CUDA(cuda_driver().cuStreamSynchronize(handle_));
}

CudaEvent::CudaEvent(bool timing) {
  PSS_CUDA(cuda_driver().cuEventCreate(&handle_, timing ? cuda::kEventDefault : cuda::kEventDisableTiming));
}

CudaEvent::~CudaEvent() {
  PSS_CUDA_WARN(cuda_driver().cuEventDestroy(handle_));
}

void CudaEvent::record(const CudaStream& stream) {
  PSS_CUDA(cuda_driver().cuEventRecord(handle_, stream.handle()));
}

void CudaEvent::wait_on(const CudaStream& stream) const {
  PSS_CUDA(cuda_driver().cuStreamWaitEvent(stream.handle(), handle_, 0));
}

void CudaEvent::synchronize() const {
  PSS_CUDA(cuda_driver().cuEventSynchronize(handle_));
}

float CudaEvent::milliseconds_since(const CudaEvent& start) const {
  float milliseconds = 0;
  PSS_CUDA(cuda_driver().cuEventElapsedTime(&milliseconds, start.handle_, handle_));
  return milliseconds;
}

CudaMemory::CudaMemory(size_t bytes, const CudaStream& stream) {
  constexpr size_t kWord = sizeof(uint32_t);
  bytes_ = std::max((bytes + kWord - 1) / kWord * kWord, kWord);
  const CudaResult result = cuda_driver().cuMemAlloc(&pointer_, bytes_);
  if (result == cuda::kErrorOutOfMemory) {
    throw Error("ERR_MEMORY", "The GPU is out of memory: " + std::to_string(bytes_) +
                                  " bytes were asked for; use a smaller batch or model.");
  }
  PSS_CUDA(result);
  fill_words(data(), 0, bytes_ / kWord, stream);
}

CudaMemory::~CudaMemory() {
  if (pointer_) PSS_CUDA_WARN(cuda_driver().cuMemFree(pointer_));
}

PinnedMemory::PinnedMemory(size_t bytes) {
  PSS_CUDA(cuda_driver().cuMemHostAlloc(&data_, std::max<size_t>(bytes, 1), 0));
}

PinnedMemory::~PinnedMemory() {
  PSS_CUDA_WARN(cuda_driver().cuMemFreeHost(data_));
}

void copy_to_device(void* to, const void* from, size_t bytes, const CudaStream& stream) {
  if (bytes) PSS_CUDA(cuda_driver().cuMemcpyHtoDAsync(address_of(to), from, bytes, stream.handle()));
}

void copy_to_host(void* to, const void* from, size_t bytes, const CudaStream& stream) {
  if (bytes) PSS_CUDA(cuda_driver().cuMemcpyDtoHAsync(to, address_of(from), bytes, stream.handle()));
}

void copy_on_device(void* to, const void* from, size_t bytes, const CudaStream& stream) {
  if (bytes) {
    PSS_CUDA(cuda_driver().cuMemcpyDtoDAsync(address_of(to), address_of(from), bytes, stream.handle()));
  }
}

void fill_words(void* to, uint32_t word, size_t count, const CudaStream& stream) {
  if (count) PSS_CUDA(cuda_driver().cuMemsetD32Async(address_of(to), word, count, stream.handle()));
}

}  // namespace pss
