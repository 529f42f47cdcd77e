#include "base/cpu_features.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/error.h"

namespace pss {

namespace {

bool has(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return true;
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::kAvx512:
      return has(Isa::kAvx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("bmi2");
    case Isa::kAvx512Bf16:
      return has(Isa::kAvx512) && __builtin_cpu_supports("avx512bf16");
  }
  return false;
}

constexpr Isa kBestFirst[] = {Isa::kAvx512Bf16, Isa::kAvx512, Isa::kAvx2, Isa::kReference};

Isa best_isa() {
  return *std::find_if(std::begin(kBestFirst), std::end(kBestFirst), has);
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
  switch (isa) {
    case Isa::kReference:
      return "reference";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Bf16:
      return "avx512bf16";
  }
  return "";
}

Isa choose_isa(const std::string& wanted) {
  std::string name = wanted;
  const char* forced = std::getenv("PSS_ISA");
  if (name == "auto" && forced) name = forced;
  if (name == "auto" || name.empty()) return best_isa();
  for (const Isa isa : kBestFirst) {
    if (name != isa_name(isa)) continue;
    if (has(isa)) return isa;
    throw Error("ERR_ISA",
                std::string("This CPU can't run ") + name + "; use auto or " + isa_name(best_isa()) + ".");
  }
  throw Error("ERR_ISA",
              "Unknown instruction set '" + name + "'; use auto, avx512bf16, avx512, avx2 or reference.");
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

bool has_vnni() {
  return has(Isa::kAvx512) && __builtin_cpu_supports("avx512vnni");
}

std::string cpu_model_name() {
  return cpuinfo_field("model name");
}

}  // namespace pss
