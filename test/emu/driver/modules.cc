#include "modules.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "graphs.h"
#include "launch.h"
#include "memory.h"
#include "streams.h"

namespace emu {
namespace {

std::set<Function*> functions;  // outlives the modules, which take theirs out of it
std::map<Module*, std::unique_ptr<Module>> modules;

template <class F>
void for_each_variable(F f) {
  for (auto& [key, module] : modules) {
    for (size_t i = 0; i < module->description->num_variables; i++) f(module->description->variables[i]);
  }
}

CUresult load_module(CUmodule* out, const void* image) {
  EMU_TRY(refuse_while_capturing("cuModuleLoadData"));
  std::string ptx;
  EMU_TRY(extract_ptx(image, &ptx));
  const size_t found = ptx.find(".target sm_");
  const int target = found == std::string::npos ? 0 : std::atoi(ptx.c_str() + found + 11);
  if (target > options().capability) {
    return fail(CUDA_ERROR_NO_BINARY_FOR_GPU, "PTX for sm_%d on a device of capability %d (PTX_CC)", target,
                options().capability);
  }
  auto module = std::make_unique<Module>();
  std::string path = module->path = build_module(ptx);
  if (path.empty()) return fail(CUDA_ERROR_INVALID_PTX, "the PTX could not be translated (see above)");
  // An image that is loaded already is loaded again from a copy of the file: every module has its own
  // variables.
  const bool loaded =
      std::any_of(modules.begin(), modules.end(), [&](auto& m) { return m.second->path == path; });
  if (loaded) {
    path += "." + std::to_string(getpid()) + "." + std::to_string(modules.size()) + ".copy";
    std::filesystem::copy_file(module->path, path, std::filesystem::copy_options::overwrite_existing);
  }
  module->library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded) unlink(path.c_str());
  if (!module->library) return fail(CUDA_ERROR_INVALID_IMAGE, "%s", dlerror());
  module->description = static_cast<const ModuleDescription*>(dlsym(module->library, "emu_module"));
  module->description->initialise();
  for (size_t i = 0; i < module->description->num_kernels; i++) {
    const Kernel& k = module->description->kernels[i];
    const int limit = std::max(0, kDefaultShared - static_cast<int>(k.static_shared_bytes));
    module->functions.push_back(std::make_unique<Function>(Function{module.get(), &k, limit}));
    functions.insert(module->functions.back().get());
  }
  region_version++;
  Module* key = module.get();
  modules[key] = std::move(module);
  *out = reinterpret_cast<CUmodule>(key);
  return CUDA_SUCCESS;
}

}  // namespace

Module::~Module() {
  for (auto& f : functions) emu::functions.erase(f.get());
  if (library) dlclose(library);
}

Function* find_function(CUfunction handle) {
  auto f = reinterpret_cast<Function*>(handle);
  if (functions.count(f)) return f;
  fail(CUDA_ERROR_INVALID_HANDLE, "%p is not a kernel of a loaded module", static_cast<void*>(handle));
  return nullptr;
}

Module* find_module(CUmodule handle) {
  auto found = modules.find(reinterpret_cast<Module*>(handle));
  if (found != modules.end()) return found->first;
  fail(CUDA_ERROR_INVALID_HANDLE, "%p is not a loaded module", static_cast<void*>(handle));
  return nullptr;
}

char* find_variable_bytes(u64 address, size_t size) {
  char* found = nullptr;
  for_each_variable([&](const Variable& v) {
    const u64 start = reinterpret_cast<u64>(v.bytes);
    if (address >= start && address + size <= start + v.size) found = reinterpret_cast<char*>(address);
  });
  return found;
}

std::vector<Region> variable_regions() {
  std::vector<Region> regions;
  for_each_variable([&](const Variable& v) {
    const u64 start = reinterpret_cast<u64>(v.bytes);
    regions.push_back({start, start + v.size, 0});
  });
  return regions;
}

}  // namespace emu

using namespace emu;

EMU_API cuModuleLoadData(CUmodule* out, const void* image) {
  EMU_ENTER();
  return out ? load_module(out, image) : CUDA_ERROR_INVALID_VALUE;
}
EMU_API cuModuleLoadFatBinary(CUmodule* out, const void* image) {
  return cuModuleLoadData(out, image);
}
EMU_API cuModuleLoadDataEx(CUmodule* out, const void* image, unsigned n, CUjit_option* option, void** value) {
  EMU_ENTER();
  const CUresult result = load_module(out, image);
  char* log = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < n; i++) {
    if (option[i] == CU_JIT_ERROR_LOG_BUFFER) log = static_cast<char*>(value[i]);
    if (option[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) size = reinterpret_cast<size_t>(value[i]);
  }
  if (log && size) std::snprintf(log, size, "%s", result ? last_message.c_str() : "");
  return result;
}
EMU_API cuModuleUnload(CUmodule handle) {
  EMU_ENTER();
  Module* m = find_module(handle);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  run_all();
  modules.erase(m);
  region_version++;
  return broken;
}
EMU_API cuModuleGetFunction(CUfunction* out, CUmodule handle, const char* name) {
  EMU_ENTER();
  Module* m = find_module(handle);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  for (auto& f : m->functions) {
    if (std::strcmp(f->kernel->name, name)) continue;
    *out = reinterpret_cast<CUfunction>(f.get());
    return CUDA_SUCCESS;
  }
  return fail(CUDA_ERROR_NOT_FOUND, "no kernel '%s' in the module", name);
}
EMU_API cuModuleGetGlobal(CUdeviceptr* out, size_t* size, CUmodule handle, const char* name) {
  EMU_ENTER();
  Module* m = find_module(handle);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  for (size_t i = 0; i < m->description->num_variables; i++) {
    const Variable& v = m->description->variables[i];
    if (std::strcmp(v.name, name)) continue;
    if (out) *out = reinterpret_cast<CUdeviceptr>(v.bytes);
    if (size) *size = v.size;
    return CUDA_SUCCESS;
  }
  return fail(CUDA_ERROR_NOT_FOUND, "no variable '%s' in the module", name);
}
EMU_API cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  *mode = CU_MODULE_EAGER_LOADING;
  return CUDA_SUCCESS;
}
