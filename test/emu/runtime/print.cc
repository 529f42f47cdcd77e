// printf of a kernel. Arguments lie in a buffer, each aligned to its size, as the caller promoted them.
#include <cstdio>
#include <string>

#include "translated.h"

namespace emu {
namespace {

template <class V>
V take(u64& from) {
  from = (from + sizeof(V) - 1) / sizeof(V) * sizeof(V);
  const V v = load<V>(reinterpret_cast<const char*>(from));
  from += sizeof(V);
  return v;
}

}  // namespace

s32 print_formatted(u64 format, u64 arguments) {
  s32 printed = 0;
  for (const char* f = reinterpret_cast<const char*>(format); *f;) {
    if (*f != '%') {
      std::putchar(*f++);
      continue;
    }
    std::string spec = "%";
    for (f++; *f && !std::strchr("diouxXeEfFgGaAcspn%", *f); f++) spec += *f;
    if (!*f) break;
    const char conversion = *f++;
    if (conversion == '%') {
      std::putchar('%');
      continue;
    }
    const bool wide =
        spec.find_first_of("lzjt") != std::string::npos || conversion == 's' || conversion == 'p';
    spec += conversion;
    printed++;
    if (std::strchr("eEfFgGaA", conversion)) {
      std::printf(spec.c_str(), take<f64>(arguments));
    } else if (wide) {
      std::printf(spec.c_str(), take<u64>(arguments));
    } else {
      std::printf(spec.c_str(), take<u32>(arguments));
    }
  }
  return printed;
}

}  // namespace emu
