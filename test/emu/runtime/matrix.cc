#include "matrix.h"

#include <map>

#include "internal.h"

namespace emu {
namespace {

int bits_of(Element e) {
  switch (e) {
    case Element::kF16:
    case Element::kBf16:
      return 16;
    case Element::kS8:
    case Element::kU8:
      return 8;
    case Element::kF64:
      return 64;
    default:
      return 32;
  }
}

template <class V>
const V* as_array(const void* p) {
  return static_cast<const V*>(p);
}

void decode(const Fragment& f, f64* out) {
  for (int i = 0; i < f.count; i++) {
    switch (f.element) {
      case Element::kF16:
        out[i] = as_array<f16>(f.registers)[i];
        break;
      case Element::kBf16:
        out[i] = as_array<bf16>(f.registers)[i];
        break;
      // The hardware reads the upper 19 bits of a tf32 register.
      case Element::kTf32:
        out[i] = bits<f32>(as_array<u32>(f.registers)[i] & ~0x1fffu);
        break;
      case Element::kF32:
        out[i] = as_array<f32>(f.registers)[i];
        break;
      case Element::kS8:
        out[i] = as_array<s8>(f.registers)[i];
        break;
      case Element::kU8:
        out[i] = as_array<u8>(f.registers)[i];
        break;
      case Element::kS32:
        out[i] = as_array<s32>(f.registers)[i];
        break;
      case Element::kF64:
        out[i] = as_array<f64>(f.registers)[i];
        break;
    }
  }
}

void encode(Element e, void* registers, int i, f64 value) {
  switch (e) {
    case Element::kF16:
      static_cast<f16*>(registers)[i] = static_cast<f16>(value);
      break;
    case Element::kS32:
      static_cast<s32*>(registers)[i] = static_cast<s32>(static_cast<s64>(value));
      break;
    case Element::kF64:
      static_cast<f64*>(registers)[i] = value;
      break;
    default:
      static_cast<f32*>(registers)[i] = static_cast<f32>(value);
      break;
  }
}

int rows_of(Matrix what, MatrixShape s) {
  return what == Matrix::kB ? s.k : s.m;
}
int columns_of(Matrix what, MatrixShape s) {
  return what == Matrix::kA ? s.k : s.n;
}

// Where element i of a lane's fragment lies in its matrix, row-major (PTX ISA, "Matrix Fragments for mma").
int position(Layout layout, Matrix what, Element element, MatrixShape s, int count, int lane, int i) {
  const int columns = columns_of(what, s);
  if (layout == Layout::kWmma) return (lane * count + i) % (rows_of(what, s) * columns);
  const int group = lane >> 2, in_group = lane & 3;
  if (what == Matrix::kC) return (group + (s.m == 16 && i >= 2 ? 8 : 0)) * columns + in_group * 2 + (i & 1);
  const int per_register = bits_of(element) >= 32 ? 1 : 32 / bits_of(element);
  const int reg = i / per_register, in_register = in_group * per_register + i % per_register;
  if (what == Matrix::kB) return (in_register + reg * 4 * per_register) * columns + group;
  if (s.m == 8) return group * columns + in_group;
  return (group + (reg & 1 ? 8 : 0)) * columns + in_register + (reg >> 1) * 4 * per_register;
}

using Positions = std::vector<u16>;  // [32, count]

const Positions& positions(Layout layout, Matrix what, Element element, MatrixShape s, int count) {
  static std::map<u64, Positions> known;
  u64 key = 0;
  for (int part :
       {static_cast<int>(layout), static_cast<int>(what), static_cast<int>(element), s.m, s.n, s.k, count}) {
    key = key * 256 + static_cast<u64>(part);
  }
  Positions& p = known[key];
  if (p.empty()) {
    for (int lane = 0; lane < 32; lane++) {
      for (int i = 0; i < count; i++) {
        p.push_back(static_cast<u16>(position(layout, what, element, s, count, lane, i)));
      }
    }
  }
  return p;
}

struct Product {
  Layout layout;
  MatrixShape shape;
  Fragment a, b, c;
  Element d_element;
  void* d;
};

void combine_product(Thread&, void* const* payloads) {
  static f64 a[1024], b[1024], c[1024];
  const auto& first = *static_cast<const Product*>(payloads[0]);
  const MatrixShape s = first.shape;
  auto gather = [&](Matrix what, Fragment Product::* fragment, f64* out) {
    const Fragment& f = first.*fragment;
    const Positions& where = positions(first.layout, what, f.element, s, f.count);
    f64 values[64];
    for (int lane = 0; lane < 32; lane++) {
      decode(static_cast<const Product*>(payloads[lane])->*fragment, values);
      for (int i = 0; i < f.count; i++) out[where[static_cast<size_t>(lane * f.count + i)]] = values[i];
    }
  };
  gather(Matrix::kA, &Product::a, a);
  gather(Matrix::kB, &Product::b, b);
  gather(Matrix::kC, &Product::c, c);
  for (int i = 0; i < s.m; i++) {
    for (int k = 0; k < s.k; k++) {
      const f64 x = a[i * s.k + k];
      for (int j = 0; j < s.n; j++) c[i * s.n + j] += x * b[k * s.n + j];
    }
  }
  const int count = first.c.count;
  const Positions& where = positions(first.layout, Matrix::kC, first.d_element, s, count);
  for (int lane = 0; lane < 32; lane++) {
    auto* p = static_cast<const Product*>(payloads[lane]);
    for (int i = 0; i < count; i++)
      encode(p->d_element, p->d, i, c[where[static_cast<size_t>(lane * count + i)]]);
  }
}

struct Rows {
  int count;
  bool transposed;
  u64 address;
  u32* registers;
  bool counting;
};

// Calls f(lane, matrix, half of the register, row's owner, column) for every 16-bit element.
template <class F>
void for_each_element(const Rows& rows, F f) {
  for (int m = 0; m < rows.count; m++) {
    for (int lane = 0; lane < 32; lane++) {
      for (int half = 0; half < 2; half++) {
        const int row = rows.transposed ? 2 * (lane % 4) + half : lane / 4;
        const int column = rows.transposed ? lane / 4 : 2 * (lane % 4) + half;
        f(lane, m, half, m * 8 + row, column);
      }
    }
  }
}

void check_rows(Thread& T, void* const* payloads, bool stores) {
  const Rows& first = *static_cast<const Rows*>(payloads[0]);
  for (int m = 0; m < first.count; m++) {
    u64 rows[8];
    for (int r = 0; r < 8; r++) {
      rows[r] = static_cast<const Rows*>(payloads[m * 8 + r])->address;
      if (rows[r] & 15) {
        fail_format(T, Fault::kMisaligned, rows[r],
                    "ldmatrix or stmatrix: the row at offset %llu is not on 16 bytes", rows[r]);
      }
    }
    if (first.counting) count_matrix_rows(stores, rows);
  }
}

void combine_load(Thread& T, void* const* payloads) {
  check_rows(T, payloads, false);
  for_each_element(
      *static_cast<const Rows*>(payloads[0]), [&](int lane, int m, int half, int owner, int column) {
        const u64 row = static_cast<const Rows*>(payloads[owner])->address;
        const u32 value = load<u16>(shared<u16>(*T.warp->threads[lane], row + 2 * column, 1, false));
        u32& r = static_cast<const Rows*>(payloads[lane])->registers[m];
        r = half ? r | value << 16 : value;
      });
}

void combine_store(Thread& T, void* const* payloads) {
  check_rows(T, payloads, true);
  for_each_element(
      *static_cast<const Rows*>(payloads[0]), [&](int lane, int m, int half, int owner, int column) {
        const u64 row = static_cast<const Rows*>(payloads[owner])->address;
        const u32 value = static_cast<const Rows*>(payloads[lane])->registers[m] >> (16 * half);
        store<u16>(shared<u16>(*T.warp->threads[lane], row + 2 * column, 1, true), static_cast<u16>(value));
      });
}

void combine_transpose(Thread&, void* const* payloads) {
  u16 elements[8][8];
  for (int lane = 0; lane < 32; lane++) {
    const u32 v = *static_cast<const u32*>(payloads[lane]);
    for (int half = 0; half < 2; half++)
      elements[lane / 4][2 * (lane % 4) + half] = static_cast<u16>(v >> (16 * half));
  }
  for (int lane = 0; lane < 32; lane++) {
    const int column = 2 * (lane % 4), row = lane / 4;
    *static_cast<u32*>(payloads[lane]) = elements[column][row] | static_cast<u32>(elements[column + 1][row])
                                                                     << 16;
  }
}

enum Kind { kProduct, kLoad, kStore, kTranspose, kMove };

}  // namespace

void multiply_matrices(Thread& T, Layout layout, MatrixShape shape, Fragment a, Fragment b, Fragment c,
                       Element d_element, void* d) {
  Product product = {layout, shape, a, b, c, d_element, d};
  meet_warp(T, kProduct, &product, combine_product);
}

void load_matrices(Thread& T, int count, bool transposed, u64 address, u32* out) {
  Rows rows = {count, transposed, static_cast<u32>(address), out, T.loops != nullptr};
  meet_warp(T, kLoad, &rows, combine_load);
}

void store_matrices(Thread& T, int count, bool transposed, u64 address, const u32* in) {
  Rows rows = {count, transposed, static_cast<u32>(address), const_cast<u32*>(in), T.loops != nullptr};
  meet_warp(T, kStore, &rows, combine_store);
}

u32 transpose_matrix(Thread& T, u32 value) {
  meet_warp(T, kTranspose, &value, combine_transpose);
  return value;
}

void move_wmma(Thread& T, WmmaMemory what, u64 address, u32 stride, int count, void* registers) {
  meet_warp(T, kMove, nullptr, [](Thread&, void* const*) {});
  const int rows = rows_of(what.matrix, what.shape), columns = columns_of(what.matrix, what.shape);
  const u64 bytes = static_cast<u64>(bits_of(what.element) / 8);
  if (!stride) stride = static_cast<u32>(what.columns ? rows : columns);
  auto find = [&](auto example, u64 at) {
    using V = decltype(example);
    return what.in_shared ? shared<V>(T, at, 1, what.stores) : global<V>(T, at, 1, what.stores);
  };
  for (int i = 0; i < count; i++) {
    const int where = (static_cast<int>(T.lane) * count + i) % (rows * columns);
    const u64 row = static_cast<u64>(where / columns), column = static_cast<u64>(where % columns);
    const u64 at = address + (what.columns ? column * stride + row : row * stride + column) * bytes;
    char* p = bytes == 1   ? find(u8{}, at)
              : bytes == 2 ? find(u16{}, at)
              : bytes == 4 ? find(u32{}, at)
                           : find(u64{}, at);
    char* r = static_cast<char*>(registers) + static_cast<u64>(i) * bytes;
    std::memcpy(what.stores ? p : r, what.stores ? r : p, bytes);
  }
}

}  // namespace emu
