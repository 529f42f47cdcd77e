#include "probe.h"

#include <dlfcn.h>

#include <fstream>
#include <iterator>
#include <map>

Driver d;
CUcontext context;

void stop(const char* file, int line, const std::string& why) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, why.c_str());
  std::_Exit(1);
}
const char* error_name(CUresult code) {
  const char* name = "an unknown error";
  d.cuGetErrorName_(code, &name);
  return name;
}
std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

const std::vector<char>& image_of(const char* file) {
  static std::map<std::string, std::vector<char>> images;
  std::vector<char>& image = images[file];
  if (image.empty()) {
    std::ifstream in(std::string(std::getenv("EMU_KERNELS")) + "/" + file + ".fatbin", std::ios::binary);
    image.assign(std::istreambuf_iterator<char>(in), {});
    REQUIRE(!image.empty());
  }
  return image;
}
CUmodule module_of(const char* file) {
  static std::map<std::string, CUmodule> modules;
  CUmodule& m = modules[file];
  if (!m) CHECK(d.cuModuleLoadData_(&m, image_of(file).data()));
  return m;
}
CUfunction kernel(const char* file, const char* name) {
  CUfunction f;
  CHECK(d.cuModuleGetFunction_(&f, module_of(file), name));
  return f;
}

CUstream make_stream(unsigned flags) {
  CUstream s;
  CHECK(d.cuStreamCreate_(&s, flags));
  return s;
}
CUevent make_event(unsigned flags) {
  CUevent e;
  CHECK(d.cuEventCreate_(&e, flags));
  return e;
}
bool said(const char* text) {
  return !d.message || std::strstr(d.message(), text);
}

std::uint64_t mix64(std::uint64_t x) {
  x ^= x >> 30, x *= 0xBF58476D1CE4E5B9ull;
  x ^= x >> 27, x *= 0x94D049BB133111EBull;
  return x ^ x >> 31;
}
std::vector<float> random_values(size_t n, unsigned seed) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; i++) v[i] = static_cast<float>(mix64(i + 977 * seed + 1) >> 40) / 8388608.f - 1.f;
  return v;
}

namespace {

void load_driver() {
  const char* path = std::getenv("PSS_CUDA_DRIVER");
  void* library = dlopen(path && *path ? path : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) stop(__FILE__, __LINE__, dlerror());
#define F(f)                                                        \
  *reinterpret_cast<void**>(&d.f##_) = dlsym(library, EMU_TEXT(f)); \
  if (!d.f##_) stop(__FILE__, __LINE__, "the driver has no " EMU_TEXT(f));
  DRIVER_FUNCTIONS(F)
#undef F
  *reinterpret_cast<void**>(&d.message) = dlsym(library, "cuEmuLastMessage");
}

int run(const Case& c) {
  load_driver();
  CUdevice device;
  CHECK(d.cuInit_(0));
  CHECK(d.cuDeviceGet_(&device, 0));
  CHECK(d.cuDevicePrimaryCtxRetain_(&context, device));
  CHECK(d.cuCtxSetCurrent_(context));
  c.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "", second = argc > 2 ? argv[2] : "";
  for (const Case& c : cases()) {
    if (first == "list" && c.group == second) std::printf("%s\n", c.name.c_str());
    if (first != "list" && c.name == first) return run(c);
  }
  if (first != "list") std::fprintf(stderr, "usage: probe list GROUP | probe NAME\n");
  return first == "list" ? 0 : 2;
}
