// Matrix instructions: mma.sync in its documented layouts, wmma in a private one, and moves between shared
// memory and fragments.
#pragma once

#include "memory.h"

namespace emu {

enum class Element { kF16, kBf16, kTf32, kF32, kS8, kU8, kS32, kF64 };
enum class Layout { kMma, kWmma };
enum class Matrix { kA, kB, kC };

struct MatrixShape {
  int m, n, k;
};
// A lane's share of a matrix: its registers hold `count` elements.
struct Fragment {
  Element element;
  int count;
  const void* registers;
};

// d = a·b + c. Products and sums are in double and rounded once, at the end; the hardware rounds oftener.
EMU_EXPORT void multiply_matrices(Thread& T, Layout layout, MatrixShape shape, Fragment a, Fragment b,
                                  Fragment c, Element d_element, void* d);

// `count` 8×8 matrices of 16-bit elements; the lanes 8i..8i+7 bring the addresses of matrix i's rows.
EMU_EXPORT void load_matrices(Thread& T, int count, bool transposed, u64 address, u32* out);
EMU_EXPORT void store_matrices(Thread& T, int count, bool transposed, u64 address, const u32* in);
EMU_EXPORT u32 transpose_matrix(Thread& T, u32 value);

struct WmmaMemory {
  bool stores, columns, in_shared;
  Matrix matrix;
  Element element;
  MatrixShape shape;
};
EMU_EXPORT void move_wmma(Thread& T, WmmaMemory what, u64 address, u32 stride, int count, void* registers);

}  // namespace emu
