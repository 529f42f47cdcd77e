// Copies from global to shared memory that a thread waits for later, without passing through registers; plain
// copies before sm_80, which hasn't got them.
#pragma once

#include <cstdint>

namespace pss {

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define PSS_HAS_ASYNC_COPY 1
#else
#define PSS_HAS_ASYNC_COPY 0
#endif

__device__ inline uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// 16 bytes to shared memory, zeros when `valid` is false; `from` is readable either way.
__device__ inline void copy_quad(void* to, const void* from, bool valid) {
#if PSS_HAS_ASYNC_COPY
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
#else
  *static_cast<float4*>(to) = valid ? *static_cast<const float4*>(from) : float4{};
#endif
}

// One float, for what isn't aligned to 16 bytes.
__device__ inline void copy_float(float* to, const float* from) {
#if PSS_HAS_ASYNC_COPY
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(shared_address(to)), "l"(from) : "memory");
#else
  *to = *from;
#endif
}

__device__ inline void close_copies() {
#if PSS_HAS_ASYNC_COPY
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until at most `kPending` of the groups this thread closed are under way.
template <int kPending>
__device__ inline void wait_for_copies() {
#if PSS_HAS_ASYNC_COPY
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

}  // namespace pss
