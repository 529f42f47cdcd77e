#include "conversions.h"

namespace emu {

// Operands and results go through volatile variables, so that the operation happens while the mode is set.
#define EMU_ROUNDED(F)                         \
  F add_rounded(F a, F b, int mode) {          \
    const RoundingMode scope(mode);            \
    volatile F x = a, y = b;                   \
    volatile F r = x + y;                      \
    return r;                                  \
  }                                            \
  F multiply_rounded(F a, F b, int mode) {     \
    const RoundingMode scope(mode);            \
    volatile F x = a, y = b;                   \
    volatile F r = x * y;                      \
    return r;                                  \
  }                                            \
  F divide_rounded(F a, F b, int mode) {       \
    const RoundingMode scope(mode);            \
    volatile F x = a, y = b;                   \
    volatile F r = x / y;                      \
    return r;                                  \
  }                                            \
  F fused_rounded(F a, F b, F c, int mode) {   \
    const RoundingMode scope(mode);            \
    volatile F x = a, y = b, z = c;            \
    volatile F r = std::fma(F{x}, F{y}, F{z}); \
    return r;                                  \
  }                                            \
  F root_rounded(F a, int mode) {              \
    const RoundingMode scope(mode);            \
    volatile F x = a;                          \
    volatile F r = std::sqrt(F{x});            \
    return r;                                  \
  }
EMU_ROUNDED(f32)
EMU_ROUNDED(f64)

}  // namespace emu
