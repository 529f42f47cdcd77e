// What this CPU can do, and which instruction set the engine will use.
#pragma once

#include <string>
#include <vector>

namespace pss {

// In ascending order: each can run what those before it can.
enum class Isa { kReference, kAvx2, kAvx512, kAvx512Bf16 };

const char* isa_name(Isa isa);

// `wanted` is "auto" or a name of isa_name; throws ERR_ISA when this CPU lacks what was asked for.
// PSS_ISA in the environment stands in for "auto".
Isa choose_isa(const std::string& wanted);

// Names of the instruction sets that matter here and that this CPU has.
std::vector<std::string> cpu_feature_names();

// Whether this CPU multiplies bytes in 512-bit vectors, summing in 32 bits (AVX-512 VNNI).
bool has_vnni();

std::string cpu_model_name();

}  // namespace pss
