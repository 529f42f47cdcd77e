#include "options.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>

#include <cstdlib>

namespace emu {
namespace {

std::string variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}
bool is_on(const char* name, bool otherwise = false) {
  return variable(name, otherwise ? "1" : "0") != "0";
}
u64 number(const char* name, u64 otherwise) {
  return std::strtoull(variable(name, std::to_string(otherwise)).c_str(), nullptr, 10);
}

Options read() {
  Options o;
  const std::string threads = variable("PTX_ORDER", "fwd");
  const std::string streams = variable("PTX_STREAMS", threads == "rand" ? "rand" : "lazy");
  o.streams = streams == "eager"  ? StreamOrder::kEager
              : streams == "rand" ? StreamOrder::kRandom
                                  : StreamOrder::kLazy;
  o.seed = number("PTX_SEED", 1);
  const std::string capability = variable("PTX_CC", "9.0");
  const size_t dot = capability.find('.');
  o.capability = std::atoi(capability.c_str()) * 10 +
                 (dot == std::string::npos ? 0 : std::atoi(capability.c_str() + dot + 1));
  o.num_sms = static_cast<int>(number("PTX_SMS", 4));
  o.memory_bytes = number("PTX_MEM", 4096) << 20;
  const std::string poison = variable("PTX_POISON", "ff");
  o.poison = poison == "none" ? -1 : static_cast<int>(std::strtol(poison.c_str(), nullptr, 16));
  o.strict = is_on("PTX_STRICT");
  o.leaks = is_on("PTX_LEAKS");
  o.keep = is_on("PTX_KEEP");
  o.catch_segv = is_on("PTX_SEGV", true);
  o.statistics = variable("PTX_STATS", "");
  o.cache = variable("PTX_CACHE", library_folder() + "/../emu-cache");
  o.sources = variable("PTX_TOOLS", EMU_SOURCES);
  o.node = variable("PTX_NODE", "node");
  o.compiler = variable("PTX_CXX", "g++");
  o.optimisation = variable("PTX_OPT", "-O1");
  o.runtime.order = threads == "rev"    ? ThreadOrder::kReverse
                    : threads == "rand" ? ThreadOrder::kRandom
                                        : ThreadOrder::kForward;
  o.runtime.seed = o.seed;
  o.runtime.limit_seconds = std::atof(variable("PTX_LIMIT", "0").c_str());
  o.runtime.check_races = is_on("PTX_RACE");
  o.runtime.check_bounds = !is_on("PTX_NOCHECK");
  o.runtime.stack_bytes = number("PTX_STACK", 64 << 10);
  o.runtime.resident_blocks = number("PTX_COOP", 0);
  return o;
}

}  // namespace

const Options& options() {
  static const Options instance = read();
  return instance;
}

std::string library_path() {
  Dl_info info;
  dladdr(reinterpret_cast<void*>(&library_path), &info);
  char real[PATH_MAX];
  return realpath(info.dli_fname, real) ? real : info.dli_fname;
}

std::string library_folder() {
  const std::string path = library_path();
  return path.substr(0, path.rfind('/'));
}

}  // namespace emu
