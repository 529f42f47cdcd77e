#include "base/cpu_features.h"

#include <cstdlib>
#include <fstream>

#include "base/error.h"

namespace pss {

namespace {

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("bmi2");
}

std::string cpuinfo_field(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const size_t colon = line.find(':');
    if (colon != std::string::npos && colon + 2 <= line.size()) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

const char* isa_name(Isa isa) {
  return isa == Isa::kAvx512 ? "avx512" : "reference";
}

Isa choose_isa(const std::string& wanted) {
  std::string name = wanted;
  if (name == "auto") {
    const char* forced = std::getenv("PSS_ISA");
    if (!forced || !*forced) return has_avx512() ? Isa::kAvx512 : Isa::kReference;
    name = forced;
  }
  if (name == "reference") return Isa::kReference;
  if (name != "avx512") {
    throw Error("ERR_ISA", "Unknown instruction set '" + name + "'; use auto, avx512 or reference.");
  }
  if (!has_avx512()) throw Error("ERR_ISA", "This CPU has no AVX-512; use auto or reference.");
  return Isa::kAvx512;
}

std::vector<std::string> cpu_feature_names() {
  const std::string flags = " " + cpuinfo_field("flags") + " ";
  std::vector<std::string> names;
  for (const char* name : {"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16",
                           "avx512_vnni", "amx_bf16", "amx_int8"}) {
    if (flags.find(std::string(" ") + name + " ") != std::string::npos) names.push_back(name);
  }
  return names;
}

std::string cpu_model_name() {
  return cpuinfo_field("model name");
}

}  // namespace pss
