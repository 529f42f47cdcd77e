// Streams, events, several threads: results that hold under every legal order.
#include <cmath>
#include <thread>

#include "probe.h"
using std::vector;

PROBE(schedule, pipeline_of_three_streams) {
  const int n = 500, dim = 16, rows = 997, m = 70, k = 50, sums = 37;
  const std::uint64_t long_rows = rows, salt = 99;
  CUstream up = make_stream(), work = make_stream(), down = make_stream();
  CUevent uploaded = make_event(), computed = make_event(0), began = make_event(0);
  vector<std::int64_t> ids(n);
  vector<int> index(n);
  for (int i = 0; i < n; i++) {
    ids[i] = static_cast<std::int64_t>(mix64(i)) >> i % 40;
    index[i] = static_cast<int>(mix64(i + 5) % sums);
  }
  auto table = random_values(rows * dim, 1), grad = random_values(n * dim, 2), a = random_values(m * k, 3),
       b = random_values(k * n, 4);
  Device<std::int64_t> d_ids(n);
  Device<float> d_table(table), d_out(n * dim), d_grad(grad), d_a(a), d_b(b), d_c(m * n);
  Device<int> d_index(index);
  float* out;
  CHECK(d.cuMemHostAlloc_(reinterpret_cast<void**>(&out), n * dim * 4, 0));
  CUdeviceptr sum;
  CHECK(d.cuMemAllocAsync_(&sum, sums * dim * 4, work));
  CHECK(d.cuMemsetD32Async_(sum, 0, sums * dim, work));
  CHECK(d.cuMemcpyHtoDAsync_(d_ids.p, ids.data(), n * 8, up));
  CHECK(d.cuEventRecord_(uploaded, up));
  CHECK(d.cuEventRecord_(began, work));
  CHECK(d.cuStreamWaitEvent_(work, uploaded, 0));
  const unsigned blocks = (n * dim + 127) / 128;
  CHECK(launch(kernel("patterns", "gather"), blocks, 128, work, d_ids.p, d_table.p, d_out.p, n, dim,
               long_rows, salt));
  CHECK(launch(kernel("patterns", "scatter_add"), blocks, 128, work, d_index.p, d_grad.p, sum, n, dim));
  Shape tiles;
  tiles.gx = (n + 15) / 16, tiles.gy = (m + 15) / 16, tiles.bx = tiles.by = 16;
  CHECK(launch_on(work, kernel("patterns", "gemm"), tiles, d_a.p, d_b.p, d_c.p, m, n, k));
  CHECK(d.cuEventRecord_(computed, work));
  CHECK(d.cuStreamWaitEvent_(down, computed, 0));
  CHECK(d.cuMemcpyDtoHAsync_(out, d_out.p, n * dim * 4, down));
  vector<float> got(sums * dim);
  CHECK(d.cuMemcpyDtoHAsync_(got.data(), sum, got.size() * 4, work));
  CHECK(d.cuMemFreeAsync_(sum, work));
  for (CUresult r; (r = d.cuEventQuery_(computed)) != CUDA_SUCCESS;) EXPECT(r, CUDA_ERROR_NOT_READY);
  CHECK(d.cuStreamSynchronize_(down));
  CHECK(d.cuStreamSynchronize_(work));
  float milliseconds;
  CHECK(d.cuEventElapsedTime_(&milliseconds, began, computed));
  for (int i = 0; i < n * dim; i++) {
    const auto hash = mix64(static_cast<std::uint64_t>(ids[i / dim]) * 0x9E3779B97F4A7C15ull + salt);
    REQUIRE(out[i] == table[hash % rows * dim + i % dim]);
  }
  vector<double> want(sums * dim);
  for (int i = 0; i < n * dim; i++) want[index[i / dim] * dim + i % dim] += grad[i];
  for (int i = 0; i < sums * dim; i++) REQUIRE(std::fabs(got[i] - want[i]) < 1e-5);
  auto c = d_c.get();
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < n; j++) {
      double s = 0;
      for (int p = 0; p < k; p++) s += static_cast<double>(a[i * k + p]) * b[p * n + j];
      REQUIRE(std::fabs(c[i * n + j] - s) < 1e-5);
    }
  }
  CUdeviceptr variable;
  size_t size;
  unsigned value;
  CHECK(d.cuModuleGetGlobal_(&variable, &size, module_of("patterns"), "launches"));
  CHECK(d.cuMemcpyDtoH_(&value, variable, 4));
  REQUIRE(size == 4 && value == 8);
  CHECK(d.cuMemFreeHost_(out));
}

PROBE(schedule, second_module_has_its_own_variables) {
  CUmodule two;
  CHECK(d.cuModuleLoadDataEx_(&two, image_of("patterns").data(), 0, nullptr, nullptr));
  CUdeviceptr g1, g2;
  unsigned v;
  CHECK(d.cuModuleGetGlobal_(&g1, nullptr, module_of("patterns"), "launches"));
  CUmodule three;
  CHECK(d.cuModuleLoadData_(&three, image_of("patterns").data()));
  CHECK(d.cuModuleGetGlobal_(&g2, nullptr, three, "launches"));
  REQUIRE(g2 != g1);
  CHECK(d.cuMemcpyDtoH_(&v, g2, 4));
  REQUIRE(v == 7);
  CUfunction copy1;
  CHECK(d.cuModuleGetFunction_(&copy1, two, "copy1"));
  auto values = random_values(256, 9);
  Device<float> from(values), to(256);
  CUdeviceptr buffer[2] = {from.p, to.p};
  size_t bytes = sizeof buffer;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                   CU_LAUNCH_PARAM_END};
  CHECK(d.cuLaunchKernel_(copy1, 2, 1, 1, 128, 1, 1, 0, nullptr, nullptr, extra));
  REQUIRE(to.get() == values);
  CHECK(d.cuModuleUnload_(two));
  EXPECT(launch(copy1, 1, 32, nullptr, from.p, to.p), CUDA_ERROR_INVALID_HANDLE);
}

PROBE(schedule, null_stream_and_blocking_streams_wait_for_one_another) {
  CUstream blocking = make_stream(0);
  Device<unsigned> x(64);
  CHECK(d.cuMemsetD32Async_(x.p, 1, 64, blocking));
  CHECK(d.cuMemsetD32_(x.p, 2, 32));
  CHECK(d.cuMemcpyDtoDAsync_(x.p + 128, x.p, 64, blocking));
  auto v = x.get();
  REQUIRE(v[0] == 2 && v[31] == 2 && v[32] == 2 && v[47] == 2 && v[48] == 1);
}

PROBE(schedule, host_function_runs_in_stream_order) {
  static vector<float> seen;
  struct State {
    float* host;
    CUresult refused;
  } state = {};
  CHECK(d.cuMemHostAlloc_(reinterpret_cast<void**>(&state.host), 1024, 0));
  CUstream s = make_stream(), t = make_stream();
  CUevent told = make_event();
  Device<float> a(vector<float>(256, 3.f)), b(256);
  CHECK(launch(kernel("patterns", "scale_and_add"), 1, 256, s, a.p, 2.f, 1.f, 256));
  CHECK(d.cuMemcpyDtoHAsync_(state.host, a.p, 1024, s));
  CHECK(d.cuLaunchHostFunc_(
      s,
      [](void* p) {
        auto own = static_cast<State*>(p);
        seen.assign(own->host, own->host + 256);
        own->host[0] = 50;
        CUdeviceptr refused;
        own->refused = d.cuMemAlloc_(&refused, 4);
      },
      &state));
  CHECK(d.cuEventRecord_(told, s));
  CHECK(d.cuStreamWaitEvent_(t, told, 0));
  CHECK(d.cuMemcpyDtoDAsync_(b.p, a.p, 1024, t));
  CHECK(d.cuStreamSynchronize_(t));
  REQUIRE(seen == vector<float>(256, 7.f));
  REQUIRE(state.refused == CUDA_ERROR_NOT_PERMITTED);
  REQUIRE(b.get() == seen);
}

PROBE(schedule, four_threads_with_a_stream_each) {
  vector<std::thread> threads;
  vector<int> good(4);
  CUfunction copy1 = kernel("patterns", "copy1");
  for (unsigned i = 0; i < 4; i++) {
    threads.emplace_back([i, &good, copy1] {
      CUdeviceptr p;
      EXPECT(d.cuMemAlloc_(&p, 4), CUDA_ERROR_INVALID_CONTEXT);  // the context is per thread
      CHECK(d.cuCtxSetCurrent_(context));
      CUstream s = make_stream();
      for (unsigned r = 0; r < 50; r++) {
        auto v = random_values(2048, i * 100 + r), w = v;
        Device<float> a(2048), b(2048);
        CHECK(d.cuMemcpyHtoDAsync_(a.p, v.data(), 8192, s));
        CHECK(launch(copy1, 8, 256, s, a.p, b.p));
        CHECK(d.cuMemcpyDtoHAsync_(w.data(), b.p, 8192, s));
        CHECK(d.cuStreamSynchronize_(s));
        good[i] += w == v;
      }
      CHECK(d.cuStreamDestroy_(s));
    });
  }
  for (auto& t : threads) t.join();
  for (int g : good) REQUIRE(g == 50);
}

PROBE(counting, known_access_patterns) {
  Device<float> a(random_values(32 * 1024, 1)), b(32 * 1024), c(64 * 64);
  for (auto name : {"copy1", "copy4", "stride32"})
    CHECK(launch(kernel("patterns", name), 4, 256, nullptr, a.p, b.p));
  Shape square;
  square.bx = square.by = 32;
  CHECK(launch_on(nullptr, kernel("patterns", "columns32"), square, a.p, b.p));
  CHECK(launch_on(nullptr, kernel("patterns", "columns33"), square, a.p, b.p));
  CHECK(launch(kernel("patterns", "ragged"), 1, 32, nullptr, a.p, b.p, 0));
  Shape tiles;
  tiles.gx = tiles.gy = 4, tiles.bx = tiles.by = 16;
  CHECK(launch_on(nullptr, kernel("patterns", "gemm"), tiles, a.p, b.p, c.p, 64, 64, 64));
  Device<int> index(vector<int>(1024, 3));
  CHECK(launch(kernel("patterns", "scatter_add"), 8, 128, nullptr, index.p, a.p, b.p, 1024, 1));
  CHECK(d.cuCtxSynchronize_());
}
// Prints what the counters must say about atomics to random places: sectors, requests, lanes.
PROBE(counting, random_atomics) {
  const int n = 5000, rows = 300;
  vector<int> index(n);
  for (int i = 0; i < n; i++) index[i] = static_cast<int>(mix64(i + 55) % rows);
  Device<int> d_index(index);
  Device<float> grad(vector<float>(n, 1.f)), sum(vector<float>(rows, 0.f));
  CHECK(launch(kernel("patterns", "scatter_add"), (n + 127) / 128, 128, nullptr, d_index.p, grad.p, sum.p, n,
               1));
  CHECK(d.cuCtxSynchronize_());
  int sectors = 0;
  for (int first = 0; first < n; first += 32) {
    vector<bool> touched(rows / 8 + 1);
    for (int i = first; i < std::min(n, first + 32); i++) {
      sectors += !touched[index[i] / 8];
      touched[index[i] / 8] = true;
    }
  }
  std::printf("%d %d %d\n", sectors, (n + 31) / 32, n);
}
