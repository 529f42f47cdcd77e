// Modules: images whose PTX has been translated, compiled and loaded.
#pragma once

#include <memory>
#include <vector>

#include "state.h"

namespace emu {

struct Module;
struct Function {
  Module* module;
  const Kernel* kernel;
  int dynamic_limit;  // bytes of dynamic shared memory that a launch may ask for
};
struct Module {
  void* library = nullptr;
  std::string path;
  const ModuleDescription* description = nullptr;
  std::vector<std::unique_ptr<Function>> functions;
  ~Module();
};

Function* find_function(CUfunction handle);  // null, and a message, when it is none
Module* find_module(CUmodule handle);

// Module variables: their bytes are where they seem to be.
char* find_variable_bytes(u64 address, size_t size);
std::vector<Region> variable_regions();

// The newest PTX of an image that the device can run: a fatbin, or PTX text.
CUresult extract_ptx(const void* image, std::string* ptx);
// Translates and compiles PTX, unless the cache has it; the library's path, or "" after messages.
std::string build_module(const std::string& ptx);

// Counters of kernels, written as JSON at exit.
bool is_counting();
Counters* counters_of(const Kernel& kernel);
void add_seconds(const Kernel& kernel, double seconds);

}  // namespace emu
