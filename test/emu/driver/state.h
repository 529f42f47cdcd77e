// The driver's own state: one device, one context, one lock around everything.
#pragma once

#include <cuda.h>

#include <mutex>
#include <string>

#include "options.h"

namespace emu {

inline std::recursive_mutex mutex;  // held while kernels run: a launch blocks every other caller
inline bool initialised = false;
inline int retained = 0;                // references to the primary context
inline CUresult broken = CUDA_SUCCESS;  // set by a fault in queued work; every later call returns it
inline thread_local bool has_context = false;
inline thread_local bool in_host_function = false;
inline thread_local std::string last_message;
CUcontext the_context();

// Says what is wrong on stderr (`emu: ...`), keeps it for cuEmuLastMessage, and gives `code` back.
CUresult fail(CUresult code, const char* format, ...) __attribute__((format(printf, 2, 3)));
// For what a real driver lets pass: told, and an error only with PTX_STRICT=1.
CUresult warn(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Whether calls can be served: cuInit has been called, this thread has a context, nothing has broken it.
CUresult ready(bool needs_context = true);

double now_seconds();
u64 hash_bytes(const void* bytes, size_t size, u64 seed = 0xCBF29CE484222325ull);
void poison(void* bytes, size_t size);

// The start of every entry point.
#define EMU_ENTER()                                       \
  std::lock_guard<std::recursive_mutex> lock(emu::mutex); \
  if (CUresult r_ = emu::ready()) return r_
#define EMU_ENTER_WITHOUT_CONTEXT()                       \
  std::lock_guard<std::recursive_mutex> lock(emu::mutex); \
  if (CUresult r_ = emu::ready(false)) return r_
#define EMU_TRY(call) \
  if (CUresult r_ = (call)) return r_

#define EMU_API extern "C" __attribute__((visibility("default"))) CUresult

}  // namespace emu
