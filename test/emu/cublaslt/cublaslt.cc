// A stand-in for libcublasLt on the emulated driver: the functions that the engine calls, with the checks
// that the real library makes and some that it doesn't. Products run as a kernel of its own on the caller's
// stream, so that stream order, captures and bounds are the driver's to check. What it refuses it names on
// stderr as `emu: cublasLt...`.
#include <cuda.h>
#include <dlfcn.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "matmul.h"

namespace {

// cublasStatus_t, cudaDataType_t, cublasComputeType_t and the attributes' numbers.
constexpr int kSuccess = 0, kNotInitialised = 1, kInvalidValue = 7, kExecutionFailed = 13, kNotSupported = 15;
constexpr int kReal32 = 0, kRealBf16 = 14, kCompute32 = 68, kComputeTf32 = 77;
constexpr int kTransposeA = 3, kTransposeB = 4;
constexpr int kMaxWorkspace = 1, kReduction = 3, kAlignmentA = 5;
constexpr uint32_t kInPlace = 1;
// What it asks for, and writes, so that a workspace that isn't there is noticed.
constexpr size_t kWorkspace = 4096;

struct Handle {
  CUmodule module;
  CUfunction kernel;
  int capability;
};
struct Description {
  int compute;
  int32_t transposed[2] = {0, 0};
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t ld;
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t reduction = 7;
  uint32_t alignment[4] = {256, 256, 256, 256};
};
struct Algorithm {
  uint64_t data[8];  // what it was found for, then the alignments it relies on
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace_bytes;
  int status;
  float waves;
  int reserved[4];
};

int refuse(int status, const char* format, ...) __attribute__((format(printf, 2, 3)));
int refuse(int status, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::fprintf(stderr, "emu: cublasLt: ");
  std::vfprintf(stderr, format, arguments);
  std::fprintf(stderr, "\n");
  va_end(arguments);
  return status;
}

// The driver that the caller uses.
template <typename Function>
Function driver(const char* name) {
  static void* library = [] {
    const char* path = std::getenv("PSS_CUDA_DRIVER");
    return dlopen(path ? path : "libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  }();
  return library ? reinterpret_cast<Function>(dlsym(library, name)) : nullptr;
}
#define DRIVER(function, name) driver<decltype(&function)>(name)

// The sizes of op(a)·op(b), or false when the layouts don't fit each other.
bool sizes_of(const Description& o, const Layout& a, const Layout& b, const Layout& d, MatmulArguments* out) {
  const auto rows = [](const Layout& l, bool t) { return t ? l.columns : l.rows; };
  const uint64_t m = rows(a, o.transposed[0]), k = rows(a, !o.transposed[0]), n = rows(b, !o.transposed[1]);
  out->m = static_cast<int32_t>(m), out->n = static_cast<int32_t>(n), out->k = static_cast<int32_t>(k);
  const auto fits = [](const Layout& l) { return l.ld >= static_cast<int64_t>(l.rows); };
  return rows(b, o.transposed[1]) == k && d.rows == m && d.columns == n && fits(a) && fits(b) && fits(d);
}

uint64_t signature(const Description& o, const Layout& a, const Layout& b, const Layout& d) {
  uint64_t hash = 14695981039346656037ull;
  const auto mix = [&](uint64_t value) { hash = (hash ^ value) * 1099511628211ull; };
  mix(static_cast<uint64_t>(o.compute));
  mix(static_cast<uint64_t>(2 * o.transposed[0] + o.transposed[1]));
  for (const Layout* l : {&a, &b, &d}) {
    for (const uint64_t value :
         {static_cast<uint64_t>(l->type), l->rows, l->columns, static_cast<uint64_t>(l->ld)})
      mix(value);
  }
  return hash;
}

bool is_aligned(const void* pointer, uint64_t bytes) {
  return reinterpret_cast<uint64_t>(pointer) % bytes == 0;
}

}  // namespace

#define LT_API extern "C" __attribute__((visibility("default"))) int

LT_API cublasLtCreate(Handle** out) {
  const auto load = DRIVER(cuModuleLoadData, "cuModuleLoadData");
  CUdevice device = 0;
  if (!load || DRIVER(cuCtxGetDevice, "cuCtxGetDevice")(&device) != CUDA_SUCCESS) {
    return refuse(kNotInitialised, "no driver with a context on this thread");
  }
  std::ifstream file(EMU_MATMUL_FATBIN, std::ios::binary);
  const std::string image{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto* handle = new Handle{};
  int major = 0, minor = 0;
  const auto attribute = DRIVER(cuDeviceGetAttribute, "cuDeviceGetAttribute");
  attribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  attribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
  handle->capability = 10 * major + minor;
  if (load(&handle->module, image.data()) != CUDA_SUCCESS ||
      DRIVER(cuModuleGetFunction, "cuModuleGetFunction")(&handle->kernel, handle->module,
                                                         "cublaslt_matmul") != CUDA_SUCCESS) {
    delete handle;
    return refuse(kNotInitialised, "its kernel doesn't load");
  }
  *out = handle;
  return kSuccess;
}
LT_API cublasLtDestroy(Handle* handle) {
  DRIVER(cuModuleUnload, "cuModuleUnload")(handle->module);
  delete handle;
  return kSuccess;
}

LT_API cublasLtMatmulDescCreate(Description** out, int compute, int scale) {
  if ((compute != kCompute32 && compute != kComputeTf32) || scale != kReal32) {
    return refuse(kInvalidValue, "compute type %d with scale type %d", compute, scale);
  }
  *out = new Description{compute};
  return kSuccess;
}
LT_API cublasLtMatmulDescDestroy(Description* description) {
  delete description;
  return kSuccess;
}
LT_API cublasLtMatmulDescSetAttribute(Description* description, int attribute, const void* value,
                                      size_t size) {
  if ((attribute != kTransposeA && attribute != kTransposeB) || size != sizeof(int32_t)) {
    return refuse(kInvalidValue, "attribute %d of %zu bytes of a product", attribute, size);
  }
  std::memcpy(&description->transposed[attribute - kTransposeA], value, size);
  return kSuccess;
}

LT_API cublasLtMatrixLayoutCreate(Layout** out, int type, uint64_t rows, uint64_t columns, int64_t ld) {
  if (type != kReal32 && type != kRealBf16) return refuse(kInvalidValue, "matrix of type %d", type);
  *out = new Layout{type, rows, columns, ld};
  return kSuccess;
}
LT_API cublasLtMatrixLayoutDestroy(Layout* layout) {
  delete layout;
  return kSuccess;
}

LT_API cublasLtMatmulPreferenceCreate(Preference** out) {
  *out = new Preference;
  return kSuccess;
}
LT_API cublasLtMatmulPreferenceDestroy(Preference* preference) {
  delete preference;
  return kSuccess;
}
LT_API cublasLtMatmulPreferenceSetAttribute(Preference* p, int attribute, const void* value, size_t size) {
  const auto set = [&](auto& field) {
    if (size != sizeof field)
      return refuse(kInvalidValue, "attribute %d of %zu bytes of a preference", attribute, size);
    std::memcpy(&field, value, size);
    return kSuccess;
  };
  if (attribute == kMaxWorkspace) return set(p->workspace);
  if (attribute == kReduction) return set(p->reduction);
  if (attribute >= kAlignmentA && attribute < kAlignmentA + 4)
    return set(p->alignment[attribute - kAlignmentA]);
  return refuse(kInvalidValue, "attribute %d of a preference", attribute);
}

LT_API cublasLtMatmulAlgoGetHeuristic(Handle* handle, const Description* o, const Layout* a, const Layout* b,
                                      const Layout* c, const Layout* d, const Preference* p, int wanted,
                                      Heuristic* out, int* count) {
  *count = 0;
  MatmulArguments sizes;
  if (wanted < 1 || c != d || a->type != b->type || !sizes_of(*o, *a, *b, *d, &sizes)) {
    return refuse(kInvalidValue, "the layouts of a product don't fit each other");
  }
  if (p->reduction & kInPlace)
    return refuse(kInvalidValue, "a reduction in place is allowed, whose order isn't fixed");
  // As before Ampere, where the real library has no bfloat16 either.
  if (handle->capability < 80 && (a->type == kRealBf16 || o->compute == kComputeTf32)) return kNotSupported;
  if (p->workspace < kWorkspace) return kNotSupported;
  *out = {};
  out->algorithm.data[0] = signature(*o, *a, *b, *d);
  for (int i = 0; i < 4; i++) out->algorithm.data[1 + i] = p->alignment[i];
  out->workspace_bytes = kWorkspace;
  *count = 1;
  return kSuccess;
}

LT_API cublasLtMatmul(Handle* handle, const Description* o, const void* alpha, const void* a,
                      const Layout* a_layout, const void* b, const Layout* b_layout, const void* beta,
                      const void* c, const Layout* c_layout, void* d, const Layout* d_layout,
                      const Algorithm* algorithm, void* workspace, size_t workspace_bytes, CUstream stream) {
  float scale = 0, kept = 1;
  std::memcpy(&scale, alpha, sizeof scale), std::memcpy(&kept, beta, sizeof kept);
  MatmulArguments p{a,
                    b,
                    d,
                    a_layout->ld,
                    b_layout->ld,
                    d_layout->ld,
                    0,
                    0,
                    0,
                    o->transposed[0],
                    o->transposed[1],
                    a_layout->type == kRealBf16,
                    d_layout->type == kRealBf16};
  if (scale != 1 || kept != 0 || c != d || c_layout != d_layout) {
    return refuse(kInvalidValue, "only d = op(a)·op(b) is served");
  }
  if (!sizes_of(*o, *a_layout, *b_layout, *d_layout, &p) ||
      algorithm->data[0] != signature(*o, *a_layout, *b_layout, *d_layout)) {
    return refuse(kInvalidValue, "the algorithm was found for another product");
  }
  const uint64_t* alignment = algorithm->data + 1;
  if (!is_aligned(a, alignment[0]) || !is_aligned(b, alignment[1]) || !is_aligned(d, alignment[3])) {
    return refuse(kInvalidValue, "a pointer isn't aligned as the preference says");
  }
  if (!workspace || workspace_bytes < kWorkspace) return refuse(kInvalidValue, "too little workspace");
  if (DRIVER(cuMemsetD32Async, "cuMemsetD32Async")(reinterpret_cast<CUdeviceptr>(workspace), 0xffffffffu,
                                                   kWorkspace / 4, stream) != CUDA_SUCCESS) {
    return refuse(kExecutionFailed, "the workspace can't be written");
  }
  void* parameters[] = {&p};
  const unsigned threads = 64, blocks = (static_cast<unsigned>(p.m) + threads - 1) / threads;
  const CUresult result = DRIVER(cuLaunchKernel, "cuLaunchKernel")(
      handle->kernel, blocks, static_cast<unsigned>(p.n), 1, threads, 1, 1, 0, stream, parameters, nullptr);
  return result == CUDA_SUCCESS ? kSuccess : refuse(kExecutionFailed, "its kernel isn't launched");
}
