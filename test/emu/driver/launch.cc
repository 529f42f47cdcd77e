#include "launch.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "memory.h"
#include "modules.h"

using namespace emu;

namespace {

constexpr u64 kReservedShared = 1024;  // of each block, for the system
constexpr int kThreadsOfProcessor = 2048, kBlocksOfProcessor = 32;

int blocks_per_processor(const Function& f, u32 threads, size_t dynamic) {
  const u64 shared = f.kernel->static_shared_bytes + dynamic + kReservedShared;
  return static_cast<int>(std::min<u64>({kBlocksOfProcessor, kThreadsOfProcessor / ((threads + 31) / 32 * 32),
                                         static_cast<u64>(shared_bytes_of_processor()) / shared}));
}

bool is_readable(const void* p, size_t size) {
  char buffer[4096];
  iovec to = {buffer, std::min(size, sizeof buffer)}, from = {const_cast<void*>(p), to.iov_len};
  return process_vm_readv(getpid(), &to, 1, &from, 1, 0) >= 0 || errno != EFAULT;
}

CUresult pack_buffer(const Kernel& k, void** extra, std::vector<char>& out) {
  const char* buffer = nullptr;
  size_t size = 0;
  for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (extra[0] == CU_LAUNCH_PARAM_BUFFER_POINTER) buffer = static_cast<char*>(extra[1]);
    if (extra[0] == CU_LAUNCH_PARAM_BUFFER_SIZE) size = *static_cast<size_t*>(extra[1]);
  }
  if (!buffer || size != k.parameter_bytes) {
    return fail(CUDA_ERROR_INVALID_VALUE, "%s takes %u bytes of parameters, %zu given", k.name,
                k.parameter_bytes, size);
  }
  std::memcpy(out.data(), buffer, size);
  return CUDA_SUCCESS;
}

CUresult pack_parameters(const Kernel& k, void** parameters, void** extra, std::vector<char>& out) {
  out.assign(k.parameter_bytes + 1, 0);
  if (parameters && extra)
    return fail(CUDA_ERROR_INVALID_VALUE, "%s: both kernelParams and extra are given", k.name);
  if (extra) EMU_TRY(pack_buffer(k, extra, out));
  for (int i = 0; i < k.num_parameters; i++) {
    const Parameter& p = k.parameters[i];
    const size_t size = static_cast<size_t>(p.size);
    if (!extra) {
      if (!parameters || !is_readable(&parameters[i], sizeof(void*)) || !is_readable(parameters[i], size)) {
        return fail(CUDA_ERROR_INVALID_VALUE, "%s: parameter %d of %d is missing or not readable", k.name, i,
                    k.num_parameters);
      }
      std::memcpy(&out[static_cast<size_t>(p.offset)], parameters[i], size);
    }
    if (!p.is_pointer) continue;
    const u64 address = load<u64>(&out[static_cast<size_t>(p.offset)]);
    if (address && !translate(address, 0, true)) {
      EMU_TRY(warn("warning: %s: pointer parameter %d is 0x%llx: %s", k.name, i, address,
                   describe(address).c_str()));
    }
  }
  return CUDA_SUCCESS;
}

CUresult code_of(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return CUDA_SUCCESS;
    case Fault::kOutOfBounds:
      return CUDA_ERROR_ILLEGAL_ADDRESS;
    case Fault::kMisaligned:
      return CUDA_ERROR_MISALIGNED_ADDRESS;
    case Fault::kAssert:
      return CUDA_ERROR_ASSERT;
    case Fault::kDeadlock:
    case Fault::kTimeout:
      return CUDA_ERROR_LAUNCH_TIMEOUT;
    case Fault::kUnsupported:
      return CUDA_ERROR_ILLEGAL_INSTRUCTION;
    default:
      return CUDA_ERROR_LAUNCH_FAILED;
  }
}

CUresult run(const Function& f, const LaunchShape& shape, const std::vector<char>& parameters) {
  static u64 published = 0;
  if (published != region_version) set_regions(current_regions());
  published = region_version;
  Grid grid;
  std::copy_n(shape.grid, 3, grid.blocks);
  std::copy_n(shape.block, 3, grid.threads);
  grid.dynamic_bytes = shape.dynamic_bytes;
  grid.cooperative = shape.cooperative;
  const double began = now_seconds();
  const Outcome outcome = run_kernel(*f.kernel, grid, parameters.data(), f.module->description->num_loops,
                                     is_counting() ? counters_of(*f.kernel) : nullptr);
  if (is_counting()) add_seconds(*f.kernel, now_seconds() - began);
  if (outcome.fault == Fault::kNone) return CUDA_SUCCESS;
  const bool about_memory =
      outcome.fault == Fault::kOutOfBounds && outcome.address > most_shared_bytes() + 0ull;
  return fail(code_of(outcome.fault), "%s%s%s", outcome.text.c_str(), about_memory ? ": " : "",
              about_memory ? describe(outcome.address).c_str() : "");
}

CUresult launch(CUfunction function, const LaunchShape& shape, CUstream handle, void** parameters,
                void** extra) {
  EMU_ENTER();
  Stream* s = find_stream(handle);
  if (!s) return CUDA_ERROR_INVALID_HANDLE;
  Work work;
  EMU_TRY(prepare_launch(function, shape, parameters, extra, &work));
  return submit(s, work);
}

}  // namespace

namespace emu {

int most_shared_bytes() {
  const int capability = options().capability;
  return capability >= 90 && capability < 120   ? 232448
         : capability == 80 || capability == 87 ? 166912
         : capability == 75                     ? 65536
                                                : 101376;
}
int shared_bytes_of_processor() {
  return most_shared_bytes() + (options().capability == 75 ? 0 : 1024);
}

CUresult prepare_launch(CUfunction handle, const LaunchShape& shape, void** parameters, void** extra,
                        Work* out) {
  Function* f = find_function(handle);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  const Kernel& k = *f->kernel;
  const u32 *g = shape.grid, *b = shape.block;
  const u64 threads = u64{b[0]} * b[1] * b[2], blocks = u64{g[0]} * g[1] * g[2];
  if (!blocks || g[0] > 2147483647u || g[1] > 65535 || g[2] > 65535 || !threads || b[0] > 1024 ||
      b[1] > 1024 || b[2] > 64 || threads > k.max_threads) {
    return fail(CUDA_ERROR_INVALID_VALUE,
                "%s: invalid launch: grid (%u,%u,%u), block (%u,%u,%u), at most %u threads a block", k.name,
                g[0], g[1], g[2], b[0], b[1], b[2], k.max_threads);
  }
  if (shape.dynamic_bytes > static_cast<u32>(f->dynamic_limit)) {
    return fail(
        CUDA_ERROR_INVALID_VALUE,
        "%s: %u bytes of dynamic shared memory need cuFuncSetAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES)",
        k.name, shape.dynamic_bytes);
  }
  const u64 resident =
      static_cast<u64>(options().num_sms) *
      static_cast<u64>(blocks_per_processor(*f, static_cast<u32>(threads), shape.dynamic_bytes));
  if (shape.cooperative && blocks > resident) {
    return fail(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
                "%s: %llu blocks, of which %llu can be resident (PTX_SMS)", k.name, blocks, resident);
  }
  std::vector<char> packed;
  EMU_TRY(pack_parameters(k, parameters, extra, packed));
  *out = Work::plain(CU_GRAPH_NODE_TYPE_KERNEL, [f, shape, packed] { return run(*f, shape, packed); });
  out->subject = f;
  return CUDA_SUCCESS;
}

}  // namespace emu

EMU_API cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                       unsigned bz, unsigned dynamic, CUstream s, void** parameters, void** extra) {
  return launch(f, {{gx, gy, gz}, {bx, by, bz}, dynamic, false}, s, parameters, extra);
}
EMU_API cuLaunchCooperativeKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                  unsigned by, unsigned bz, unsigned dynamic, CUstream s, void** parameters) {
  return launch(f, {{gx, gy, gz}, {bx, by, bz}, dynamic, true}, s, parameters, nullptr);
}
EMU_API cuLaunchKernelEx(const CUlaunchConfig* c, CUfunction f, void** parameters, void** extra) {
  bool cooperative = false;
  for (unsigned i = 0; i < c->numAttrs; i++) {
    const CUlaunchAttribute& a = c->attrs[i];
    if (a.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) cooperative = a.value.cooperative;
    const auto& cluster = a.value.clusterDim;
    if (a.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION && cluster.x * cluster.y * cluster.z > 1) {
      return fail(CUDA_ERROR_NOT_SUPPORTED, "cuLaunchKernelEx: clusters of blocks are not emulated");
    }
  }
  const LaunchShape shape = {{c->gridDimX, c->gridDimY, c->gridDimZ},
                             {c->blockDimX, c->blockDimY, c->blockDimZ},
                             c->sharedMemBytes,
                             cooperative};
  return launch(f, shape, c->hStream, parameters, extra);
}

EMU_API cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction handle) {
  EMU_ENTER();
  Function* f = find_function(handle);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      *value = static_cast<int>(f->kernel->max_threads);
      break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      *value = static_cast<int>(f->kernel->static_shared_bytes);
      break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
      *value = static_cast<int>(f->kernel->local_bytes);
      break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
      *value = 32;
      break;  // only ptxas knows
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      *value = options().capability;
      break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      *value = f->dynamic_limit;
      break;
    default:
      *value = 0;
  }
  return CUDA_SUCCESS;
}
EMU_API cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  EMU_ENTER();
  Function* f = find_function(handle);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) return CUDA_SUCCESS;
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_ERROR_INVALID_VALUE;
  const int fixed = static_cast<int>(f->kernel->static_shared_bytes);
  if (value < 0 || value + fixed > most_shared_bytes()) {
    return fail(CUDA_ERROR_INVALID_VALUE, "%s: %d bytes of dynamic and %d of static shared memory exceed %d",
                f->kernel->name, value, fixed, most_shared_bytes());
  }
  f->dynamic_limit = value;
  return CUDA_SUCCESS;
}
EMU_API cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache) {
  EMU_ENTER();
  return find_function(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
EMU_API cuFuncGetName(const char** name, CUfunction handle) {
  EMU_ENTER();
  Function* f = find_function(handle);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  *name = f->kernel->name;
  return CUDA_SUCCESS;
}
EMU_API cuFuncGetModule(CUmodule* module, CUfunction handle) {
  EMU_ENTER();
  Function* f = find_function(handle);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  *module = reinterpret_cast<CUmodule>(f->module);
  return CUDA_SUCCESS;
}
EMU_API cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* count, CUfunction handle, int threads,
                                                             size_t dynamic, unsigned) {
  EMU_ENTER();
  Function* f = find_function(handle);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  if (threads < 1 || threads > 1024) return CUDA_ERROR_INVALID_VALUE;
  *count = blocks_per_processor(*f, static_cast<u32>(threads), dynamic);
  return CUDA_SUCCESS;
}
EMU_API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* count, CUfunction f, int threads, size_t dynamic) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(count, f, threads, dynamic, 0);
}
