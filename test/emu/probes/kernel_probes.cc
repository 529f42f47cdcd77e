// What instructions compute, against the same in plain C++.
#include <algorithm>
#include <cmath>

#include "probe.h"
using std::vector;

namespace {

constexpr double kTiny = 1e-6;
bool is_near(double a, double b, double tolerance = kTiny) {
  return std::fabs(a - b) <= tolerance * (1 + std::fabs(b));
}

template <class To, class From>
To bits(From f) {
  To t;
  static_assert(sizeof t == sizeof f);
  std::memcpy(&t, &f, sizeof t);
  return t;
}
std::uint16_t bf16_bits(float f) {
  const auto u = bits<std::uint32_t>(f);
  return static_cast<std::uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
float bf16(float f) {
  return bits<float>(static_cast<std::uint32_t>(bf16_bits(f)) << 16);
}
float tf32(float f) {
  return bits<float>((bits<std::uint32_t>(f) + 0x1000u) & ~0x1fffu);
}
std::uint16_t f16_bits(float f) {
  return bits<std::uint16_t>(static_cast<_Float16>(f));
}
float f16(float f) {
  return static_cast<float>(static_cast<_Float16>(f));
}

}  // namespace

PROBE(kernels, atomics) {
  const int n = 1000;
  Device<unsigned long long> sum(vector<unsigned long long>{0});
  Device<int> most(vector<int>{0, 0});
  Device<unsigned> cas(vector<unsigned>{0});
  Device<float> exchanged(vector<float>(64, 0.f));
  CHECK(launch(kernel("basics", "atomics"), 8, 128, nullptr, sum.p, most.p, cas.p, exchanged.p, n));
  int want = 0;
  for (int t = 0; t < n; t++) want = std::max(want, (t * 7919) % 1009);
  REQUIRE(sum.get()[0] == n * (n - 1ull) / 2 && most.get()[0] == want && cas.get()[0] == 3u * n);
  auto e = exchanged.get();
  for (int i = 0; i < 32; i++) REQUIRE(e[i] == static_cast<float>(i));
  for (int i = 0; i < 8; i++) REQUIRE(e[32 + i] == n / 8 * .5f);
}

PROBE(kernels, block_sums) {
  const int n = 20000;
  auto x = random_values(n, 3);
  Device<float> dx(x), out(4);
  CHECK(launch(kernel("basics", "block_sums"), 4, 256, nullptr, dx.p, out.p, n));
  auto o = out.get();
  for (int b = 0; b < 4; b++) {
    double s = 0;
    for (int i = b * 256; i < n; i += 1024) {
      for (int j = i; j < std::min(n, i + 256); j++) s += x[j];
    }
    REQUIRE(is_near(o[b], s, 1e-5));
  }
}

PROBE(kernels, warp_collectives) {
  const int n = 512;
  auto x = random_values(n, 4);
  for (float& v : x) v = std::fabs(v);
  Device<float> dx(x), sums(n);
  Device<unsigned> out(n * 10);
  CHECK(launch(kernel("basics", "collectives"), 4, 128, nullptr, dx.p, sums.p, out.p, n));
  auto s = sums.get();
  auto o = out.get();
  for (int w = 0; w < n / 32; w++) {
    double sum = 0;
    unsigned ballot = 0, any = 0, total = 0;
    int most = -4;
    for (int l = 0; l < 32; l++) {
      const int t = w * 32 + l;
      sum += x[t], ballot |= (x[t] > .5f) << l, any |= x[t] > .999f, total += static_cast<unsigned>(t);
      most = std::max(most, t % 7 - 3);
    }
    for (int l = 0; l < 32; l++) {
      const int t = w * 32 + l, thread = t % 128;
      const unsigned* r = &o[t * 10];
      REQUIRE(is_near(s[t], 2 * sum, 1e-5));
      REQUIRE(r[0] == ballot && r[1] == any && r[2] == 1);
      REQUIRE(r[3] == static_cast<unsigned>(l >= 3 ? thread - 3 : thread) && r[4] == w * 32u + 5);
      REQUIRE(r[5] == w * 32u + (l & 16) + 7 && r[6] == total && static_cast<int>(r[7]) == most);
      unsigned equal = 0;
      for (int k = 0; k < 32; k++) equal |= static_cast<unsigned>((w * 32 + k) % 5 == t % 5) << k;
      REQUIRE(r[8] == equal && r[9] == 0xffffffffu);
    }
  }
}

PROBE(kernels, partial_warps) {
  const int n = 1000;
  vector<int> key(n), want;
  for (int i = 0; i < n; i++) {
    key[i] = static_cast<int>(mix64(i) % 7);
    if (key[i] & 1) want.push_back(i);
  }
  Device<int> dkey(key), count(vector<int>{0}), positions(vector<int>(n, -1));
  CHECK(launch(kernel("basics", "compact"), 8, 128, nullptr, dkey.p, count.p, positions.p, n));
  auto got = positions.get();
  got.resize(count.get()[0]);
  std::sort(got.begin(), got.end());
  REQUIRE(got == want);
}

PROBE(kernels, dynamic_shared_memory) {
  const int m = 50, n = 70, k = 45;
  auto a = random_values(m * k, 5), b = random_values(k * n, 6);
  Device<float> da(a), db(b), dc(m * n);
  Shape g;
  g.gx = (n + 15) / 16, g.gy = (m + 15) / 16, g.bx = g.by = 16, g.dynamic = 2048;
  CHECK(launch_on(nullptr, kernel("basics", "gemm_dynamic"), g, da.p, db.p, dc.p, m, n, k));
  auto c = dc.get();
  for (int i = 0; i < m * n; i++) {
    double s = 0;
    for (int p = 0; p < k; p++) s += static_cast<double>(a[i / n * k + p]) * b[p * n + i % n];
    REQUIRE(is_near(c[i], s, 1e-5));
  }
}

PROBE(kernels, math_functions) {
  const int n = 500;
  auto x = random_values(n, 7);
  for (float& v : x) v *= 6;
  Device<float> dx(x), out(n * 8);
  CHECK(launch(kernel("basics", "math"), 4, 128, nullptr, dx.p, out.p, n));
  auto o = out.get();
  for (int t = 0; t < n; t++) {
    const double v = x[t], a = std::fabs(v);
    const double want[] = {std::exp(v) / (1 + std::exp(v)), std::log(a + 1e-3),      1 / (1 + std::exp(-v)),
                           1 / std::sqrt(a + 1e-3),         std::sqrt(a) / (v + 30), std::tanh(v),
                           std::log1p(std::exp(-a)),        std::pow(a + .1, 1.7)};
    for (int i = 0; i < 8; i++) REQUIRE(is_near(o[t * 8 + i], want[i], 3e-6));
  }
}

PROBE(kernels, half_floats) {
  const int n = 300;
  auto x = random_values(n, 8);
  Device<float> dx(x), out(3 * n);
  Device<std::uint16_t> h(n), b(n);
  CHECK(launch(kernel("basics", "half_floats"), 3, 128, nullptr, dx.p, h.p, b.p, out.p, n));
  auto gh = h.get(), gb = b.get();
  auto o = out.get();
  for (int i = 0; i < n; i++) {
    REQUIRE(gh[i] == f16_bits(x[i]) && gb[i] == bf16_bits(x[i]));
    const float q = f16(x[i]), r = f16(2 * x[i]), y = bf16(x[i]);
    REQUIRE(is_near(o[i], f16(q * q) + f16(r * r)));
    REQUIRE(o[n + i] == bf16(y * y + y) && o[2 * n + i] == bf16(y * y - y));
  }
  Device<std::uint16_t> b2(vector<std::uint16_t>(2)), h2(vector<std::uint16_t>(2));
  Device<double> sum(vector<double>{0});
  CHECK(launch(kernel("basics", "half_atomics"), 1, 64, nullptr, b2.p, h2.p, sum.p));
  REQUIRE(b2.get()[0] == bf16_bits(64) && b2.get()[1] == bf16_bits(128));
  REQUIRE(h2.get()[0] == f16_bits(32) && h2.get()[1] == f16_bits(64) && sum.get()[0] == 16);
}

PROBE(kernels, integers) {
  const int n = 400;
  vector<unsigned long long> x(n);
  for (int i = 0; i < n; i++) x[i] = mix64(i) >> i % 60;
  Device<unsigned long long> dx(x), out(n * 10);
  CHECK(launch(kernel("basics", "integers"), 4, 128, nullptr, dx.p, out.p, n));
  auto o = out.get();
  for (int i = 0; i < n; i++) {
    const unsigned long long v = x[i], *r = &o[i * 10];
    const auto s = static_cast<long long>(v);
    const auto w = static_cast<unsigned>(v), high = static_cast<unsigned>(v >> 32);
    REQUIRE(r[0] == static_cast<unsigned long long>(
                        (static_cast<unsigned __int128>(v) * 0x9E3779B97F4A7C15ull) >> 64));
    REQUIRE(r[1] == static_cast<unsigned long long>((static_cast<__int128>(s) * -77) >> 64));
    REQUIRE(r[2] == v % 1000003 && r[3] == static_cast<unsigned long long>(s / -1013));
    REQUIRE(r[4] ==
            static_cast<unsigned long long>(__builtin_popcountll(v) * 100 + (v ? __builtin_clzll(v) : 64)));
    unsigned reversed = 0;
    for (int k = 0; k < 32; k++) reversed |= (w >> k & 1) << (31 - k);
    REQUIRE(r[5] == reversed);
    REQUIRE(r[6] == static_cast<unsigned>((static_cast<std::uint64_t>(high) << 32 | w) << (w & 31) >> 32));
    auto byte = [&](int k) { return static_cast<unsigned>(v >> (8 * k)) & 255; };
    REQUIRE(r[7] == (byte(6) | byte(4) << 8 | byte(1) << 16 | byte(5) << 24));
    REQUIRE(r[8] ==
            (static_cast<std::uint64_t>(w) * 0x85EBCA6Bu >> 32) + static_cast<std::uint64_t>(w) * (w >> 3));
    REQUIRE(r[9] == static_cast<unsigned long long>(static_cast<long long>(__builtin_ffsll(s)) + (s >> 61)));
  }
}

PROBE(kernels, local_arrays_calls_and_tables) {
  const int n = 100;
  Device<float> o(n);
  Device<double> dd(n);
  CHECK(launch(kernel("basics", "language"), 2, 64, nullptr, o.p, dd.p, n));
  auto got = o.get();
  auto doubles = dd.get();
  for (int t = 0; t < n; t++) {
    float r = static_cast<float>(((t * 7) & 15) * t);
    const float table[] = {
        r + 1, r * 2, r - 3, static_cast<float>((t & 7) + 1), -r, r + 1, r / 3, std::max(r, 40.f), 8};
    REQUIRE(is_near(got[t], table[t % 9]));
    double s = 0;
    for (int i = 0; i < (t & 3) + 1; i++) s = s * .5 + std::sqrt(static_cast<double>(t) + i);
    REQUIRE(is_near(doubles[t], s));
  }
}

PROBE(kernels, threads_that_return_early) {
  Device<float> x(vector<float>(64, 1.f)), o(64);
  CHECK(launch(kernel("basics", "early_exit"), 1, 64, nullptr, x.p, o.p, 40));
  REQUIRE(o.get()[0] == 32);
}

namespace {
// kind: 0 bf16, 1 f16, 2 tf32; column: b is stored column by column.
void check_wmma(const char* name, int kind, bool column) {
  const int m = 32, n = 48, k = 64;
  auto a = random_values(m * k, 11), b = random_values(k * n, 12);
  auto rounded = [&](float f) { return kind == 0 ? bf16(f) : kind == 1 ? f16(f) : tf32(f); };
  auto device = [&](const vector<float>& v) {
    vector<char> raw(v.size() * (kind == 2 ? 4 : 2));
    for (size_t i = 0; i < v.size(); i++) {
      if (kind == 2) {
        std::memcpy(&raw[i * 4], &v[i], 4);
      } else {
        const std::uint16_t h = kind == 0 ? bf16_bits(v[i]) : f16_bits(v[i]);
        std::memcpy(&raw[i * 2], &h, 2);
      }
    }
    return raw;
  };
  vector<float> stored(k * n);
  for (int i = 0; i < k; i++) {
    for (int j = 0; j < n; j++) stored[column ? j * k + i : i * n + j] = b[i * n + j];
  }
  Device<char> da(device(a)), db(device(stored));
  Device<float> dc(m * n);
  Shape g;
  g.gx = n / 16, g.gy = m / 16, g.bx = 32;
  CHECK(launch_on(nullptr, kernel("matrix", name), g, da.p, db.p, dc.p, n, k));
  auto c = dc.get();
  for (int i = 0; i < m * n; i++) {
    double s = 0;
    for (int p = 0; p < k; p++)
      s += static_cast<double>(rounded(a[i / n * k + p])) * rounded(b[p * n + i % n]);
    REQUIRE(is_near(c[i], s, 1e-5));
  }
}
}  // namespace
PROBE(kernels, wmma) {
  check_wmma("wmma_bf16", 0, false);
  check_wmma("wmma_f16", 1, true);
  check_wmma("wmma_tf32", 2, true);
}

PROBE(kernels, mma_with_ldmatrix) {
  auto a = random_values(256, 13), b = random_values(128, 14);
  vector<std::uint16_t> ha(256), hb(128);
  for (int i = 0; i < 256; i++) ha[i] = bf16_bits(a[i]);
  for (int i = 0; i < 128; i++) hb[i] = bf16_bits(b[i]);
  Device<std::uint16_t> da(ha), db(hb);
  Device<float> dc(128);
  for (int trans : {0, 1}) {
    CHECK(launch(kernel("matrix", "mma_bf16_ldmatrix"), 1, 32, nullptr, da.p, db.p, dc.p, trans));
    auto c = dc.get();
    for (int i = 0; i < 128; i++) {
      double s = 0;
      for (int p = 0; p < 16; p++)
        s += static_cast<double>(bf16(a[i / 8 * 16 + p])) * bf16(b[trans ? p * 8 + i % 8 : i % 8 * 16 + p]);
      REQUIRE(is_near(c[i], s));
    }
  }
}

PROBE(kernels, mma_layouts) {
  auto a = random_values(128, 15), b = random_values(64, 16);
  vector<std::int8_t> a8(512), b8(256);
  for (int i = 0; i < 512; i++) a8[i] = static_cast<std::int8_t>(mix64(i));
  for (int i = 0; i < 256; i++) b8[i] = static_cast<std::int8_t>(mix64(i + 999));
  for (float& v : a) v = tf32(v);
  for (float& v : b) v = tf32(v);
  Device<float> da(a), db(b), dc(128);
  Device<std::int8_t> da8(a8), db8(b8);
  Device<int> dc8(128);
  CHECK(launch(kernel("matrix", "mma_layouts"), 1, 32, nullptr, da.p, db.p, dc.p, da8.p, db8.p, dc8.p));
  auto c = dc.get();
  auto c8 = dc8.get();
  for (int i = 0; i < 16; i++) {
    for (int j = 0; j < 8; j++) {
      double s = 0;
      int whole = 0;
      for (int p = 0; p < 8; p++) s += static_cast<double>(a[i * 8 + p]) * b[p * 8 + j];
      for (int p = 0; p < 32; p++) whole += a8[i * 32 + p] * b8[p * 8 + j];
      REQUIRE(is_near(c[i * 8 + j], s) && c8[i * 8 + j] == whole);
    }
  }
}

PROBE(kernels, conversions) {
  auto x = random_values(64, 17);
  Device<float> dx(x), packed(64);
  Device<std::uint32_t> rounded(32);
  Device<std::uint16_t> moved(64);
  CHECK(launch(kernel("matrix", "conversions"), 1, 32, nullptr, dx.p, packed.p, rounded.p, moved.p));
  auto p = packed.get();
  auto r = rounded.get();
  auto m = moved.get();
  for (int i = 0; i < 64; i++) REQUIRE(p[i] == bf16(x[i]));
  for (int i = 0; i < 32; i++) REQUIRE(bits<float>(r[i]) == tf32(x[i]));
  for (int i = 0; i < 64; i++) REQUIRE(m[i] == i % 8 * 8 + i / 8);
}

PROBE(kernels, asynchronous_copies) {
  auto x = random_values(4096, 18);
  Device<float> dx(x);
  for (auto [name, floats] :
       {std::pair{"pipeline4", 1}, std::pair{"pipeline8", 2}, std::pair{"pipeline16", 4}}) {
    const int tiles = 5, tile = 64 * floats, n = 4 * tile + 27;
    Device<float> out(tiles * tile);
    CHECK(launch(kernel("matrix", name), 1, 64, nullptr, dx.p, out.p, n, tiles));
    auto o = out.get();
    for (int i = 0; i < tiles * tile; i++) REQUIRE(o[i] == ((i ^ 1) < n ? 2 * x[i ^ 1] : 0));
  }
}

PROBE(kernels, block_sort_and_scan) {
  const int blocks = 3;
  vector<int> in(blocks * 512);
  for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<int>(mix64(i) % 20001) - 10000;
  Device<int> din(in), dout(in.size()), sum(blocks), scanned(blocks * 128);
  CHECK(launch(kernel("sort", "sort_and_scan"), blocks, 128, nullptr, din.p, dout.p, sum.p, scanned.p));
  auto out = dout.get(), sums = sum.get(), before = scanned.get();
  for (int b = 0; b < blocks; b++) {
    vector<int> want(in.begin() + b * 512, in.begin() + b * 512 + 512);
    std::sort(want.begin(), want.end());
    int total = 0;
    for (int i = 0; i < 512; i++) {
      REQUIRE(i % 4 || before[b * 128 + i / 4] == total);
      REQUIRE(out[b * 512 + i] == want[i]);
      total += want[i];
    }
    REQUIRE(sums[b] == total);
  }
}

PROBE(kernels, cooperative_grid) {
  const int blocks = 6, threads = 64, n = blocks * threads;
  Device<int> values(n), out(n);
  void* p[] = {&values.p, &out.p};
  CHECK(
      d.cuLaunchCooperativeKernel_(kernel("grid", "neighbours"), blocks, 1, 1, threads, 1, 1, 0, nullptr, p));
  auto v = values.get(), o = out.get();
  for (int t = 0; t < n; t++) REQUIRE(o[t] == n - 1 - t && v[t] == o[(t + threads) % n]);
}

PROBE(kernels, vector_reductions) {
  const int n = 90;
  Device<float> sum(vector<float>(16, 0.f));
  CHECK(launch(kernel("hopper", "vector_reductions"), 1, 128, nullptr, sum.p, n));
  auto s = sum.get();
  for (int i = 0; i < 12; i++) REQUIRE(s[i] == 30.f * (i % 4 + 1));
  for (int i = 0; i < 4; i++) REQUIRE(s[12 + i] == 45 * (i % 2 ? .25f : .5f));
}
