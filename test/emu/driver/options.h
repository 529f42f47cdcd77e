// What the environment asks of the driver; read once. docs/emulated-driver.md describes each variable.
#pragma once

#include <string>

#include "runtime/runtime.h"

namespace emu {

enum class StreamOrder { kEager, kLazy, kRandom };

struct Options {
  StreamOrder streams;
  u64 seed;
  int capability;  // 90 for 9.0
  int num_sms;
  u64 memory_bytes;
  int poison;  // the byte, or −1 for none
  bool strict, leaks, keep, catch_segv;
  std::string statistics;  // a file, or empty
  std::string cache, sources, node, compiler, optimisation;
  RuntimeOptions runtime;
};
const Options& options();

// The folder of this library, links followed.
std::string library_folder();
std::string library_path();

}  // namespace emu
