#include "state.h"

#include <chrono>
#include <cstdarg>
#include <cstdio>

namespace emu {
namespace {

void say(const char* format, va_list arguments) {
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  last_message = text;
  std::fprintf(stderr, "emu: %s\n", text);
}

int context_tag;

}  // namespace

CUcontext the_context() {
  return reinterpret_cast<CUcontext>(&context_tag);
}

CUresult fail(CUresult code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments);
  va_end(arguments);
  return code;
}

CUresult warn(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say(format, arguments);
  va_end(arguments);
  return options().strict ? CUDA_ERROR_UNKNOWN : CUDA_SUCCESS;
}

CUresult ready(bool needs_context) {
  if (in_host_function) {
    return fail(CUDA_ERROR_NOT_PERMITTED, "a function of cuLaunchHostFunc must not call the driver");
  }
  if (!initialised) return fail(CUDA_ERROR_NOT_INITIALIZED, "cuInit was not called");
  if (!needs_context) return CUDA_SUCCESS;
  if (!has_context || !retained) {
    return fail(CUDA_ERROR_INVALID_CONTEXT,
                "no context is current on this thread (cuCtxSetCurrent is per thread)");
  }
  return broken;
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

u64 hash_bytes(const void* bytes, size_t size, u64 h) {
  auto b = static_cast<const unsigned char*>(bytes);
  for (; size >= 8; size -= 8, b += 8) {
    h = (h ^ load<u64>(reinterpret_cast<const char*>(b))) * 0x9E3779B97F4A7C15ull;
    h ^= h >> 32;
  }
  for (; size; size--, b++) h = (h ^ *b) * 0x100000001B3ull;
  return h ^ h >> 29;
}

void poison(void* bytes, size_t size) {
  if (options().poison >= 0) std::memset(bytes, options().poison, size);
}

}  // namespace emu

extern "C" __attribute__((visibility("default"))) const char* cuEmuLastMessage() {
  return emu::last_message.c_str();
}
