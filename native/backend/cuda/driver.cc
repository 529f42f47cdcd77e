#include "backend/cuda/driver.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pss {

namespace {

Driver load_driver() {
  const char* forced = std::getenv("PSS_CUDA_DRIVER");
  Driver driver;
  driver.path = forced && *forced ? forced : "libcuda.so.1";
  // Never closed: drivers don't survive that.
  void* library = dlopen(driver.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = dlerror();
    throw Error("ERR_CUDA", "The CUDA driver can't be loaded (" + std::string(reason ? reason : driver.path) +
                                "); install NVIDIA's driver or use device: cpu.");
  }
#define PSS_CUDA_FIND(member, name, ...) driver.member.set(name, dlsym(library, name));
  PSS_CUDA_DRIVER_FUNCTIONS(PSS_CUDA_FIND)
#undef PSS_CUDA_FIND
  return driver;
}

std::string text_of(const Driver& driver, CudaResult result) {
  const char *name = nullptr, *text = nullptr;
  if (driver.cuGetErrorName) driver.cuGetErrorName(result, &name);
  if (driver.cuGetErrorString) driver.cuGetErrorString(result, &text);
  return (name ? std::string(name) : "error " + std::to_string(result)) +
         (text ? std::string(": ") + text : "");
}

const Driver& initialised_driver() {
  static const Driver driver = load_driver();
  static const bool ready = [] {
    const CudaResult result = driver.cuInit(0);
    if (result != 0) {
      throw Error("ERR_CUDA", "The CUDA driver doesn't start (" + text_of(driver, result) +
                                  "); check nvidia-smi or use device: cpu.");
    }
    return true;
  }();
  static_cast<void>(ready);
  return driver;
}

std::string failure_text(CudaResult result, const char* expression, const char* file, int line) {
  const char* name = std::strrchr(file, '/');
  return std::string("A call of the CUDA driver failed with ") + text_of(initialised_driver(), result) +
         " (" + expression + ", " + (name ? name + 1 : file) + ":" + std::to_string(line) + ").";
}

}  // namespace

const Driver& cuda_driver() {
  return initialised_driver();
}

void check_cuda(CudaResult result, const char* expression, const char* file, int line) {
  if (result == 0) return;
  throw Error(result == cuda::kErrorOutOfMemory ? "ERR_MEMORY" : "ERR_CUDA",
              failure_text(result, expression, file, line));
}

void warn_cuda(CudaResult result, const char* expression, const char* file, int line) noexcept {
  if (result != 0) std::fprintf(stderr, "%s\n", failure_text(result, expression, file, line).c_str());
}

}  // namespace pss
