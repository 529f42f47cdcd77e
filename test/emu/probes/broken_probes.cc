// Kernels with a mistake: each must fail, or give values that can't be right.
#include "probe.h"
using std::vector;

namespace {
CUfunction broken(const char* name) {
  return kernel("broken", name);
}
int wrong_values(const vector<float>& got, const vector<float>& want) {
  int wrong = 0;
  for (size_t i = 0; i < got.size(); i++) wrong += !(got[i] == want[i]);
  return wrong;
}
vector<float> counted(size_t n) {
  vector<float> v(n);
  for (size_t i = 0; i < n; i++) v[i] = static_cast<float>(i);
  return v;
}
}  // namespace

PROBE(broken, device_assert) {
  vector<int> p(32);
  p[9] = 77;
  Device<int> dp(p);
  CHECK(launch(broken("bad_assert"), 1, 32, nullptr, dp.p, 5));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_ASSERT);
  REQUIRE(said("thread(9,0,0)"));
}
PROBE(broken, unguarded_tail) {
  Device<float> x(64), o(64);
  CHECK(launch(broken("bad_unguarded_tail"), 1, 64, nullptr, x.p, o.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_ILLEGAL_ADDRESS);
}
PROBE(broken, misaligned_load) {
  Device<float> x(300), o(300);
  CHECK(launch(broken("bad_alignment"), 1, 64, nullptr, x.p, o.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_MISALIGNED_ADDRESS);
}
PROBE(broken, diverged_barrier) {
  Device<float> o(4);
  CHECK(launch(broken("bad_diverged_barrier"), 1, 32, nullptr, o.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_LAUNCH_TIMEOUT);
  REQUIRE(said("barrier 1"));
}
PROBE(broken, missing_barrier_gives_wrong_values) {
  Device<float> x(counted(256)), o(256);
  CHECK(launch(broken("bad_missing_barrier"), 1, 256, nullptr, x.p, o.p));
  auto want = counted(256);
  REQUIRE(wrong_values(o.get(), {want.rbegin(), want.rend()}) > 0);
}
PROBE(broken, missing_cp_async_wait) {
  Device<float> x(counted(128)), o(32);
  CHECK(launch(kernel("matrix", "bad_missing_wait"), 1, 32, nullptr, x.p, o.p));
  int nan = 0;
  for (float v : o.get()) nan += v != v;
  REQUIRE(nan > 0);
}
PROBE(broken, overwritten_pipeline_stage) {
  const size_t tiles = 4;
  Device<float> x(counted(64 * tiles)), o(64 * tiles);
  CHECK(launch(kernel("matrix", "bad_overwritten_stage"), 1, 64, nullptr, x.p, o.p, static_cast<int>(tiles)));
  vector<float> want;
  for (size_t i = 0; i < 64 * tiles; i++) want.push_back(static_cast<float>(i / 64 * 64 + 63 - i % 64));
  REQUIRE(wrong_values(o.get(), want) > 0);
}
PROBE(broken, uninitialised_shared_memory) {
  Device<float> o(64);
  CHECK(launch(broken("bad_uninitialised_shared"), 1, 56, nullptr, o.p));
  int nan = 0;
  auto v = o.get();
  for (int i = 0; i < 56; i++) nan += v[i] != v[i];
  REQUIRE(nan > 0);
}
PROBE(broken, shared_index_out_of_range) {
  Device<float> o(64);
  CHECK(launch(broken("bad_shared_index"), 1, 64, nullptr, o.p, 1));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_ILLEGAL_ADDRESS);
}
PROBE(broken, mask_without_the_caller) {
  Device<float> o(32);
  CHECK(launch(broken("bad_mask"), 1, 32, nullptr, o.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_LAUNCH_FAILED);
  REQUIRE(said("not in its own mask"));
}
PROBE(broken, instruction_that_is_not_emulated) {
  Device<unsigned> o(32);
  CHECK(launch(broken("bad_instruction"), 1, 32, nullptr, o.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_ILLEGAL_INSTRUCTION);
  REQUIRE(said("cp.async.bulk"));
}

// With PTX_RACE=1
PROBE(race, missing_barrier) {
  Device<float> x(counted(256)), o(256);
  CHECK(launch(broken("bad_missing_barrier"), 1, 256, nullptr, x.p, o.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_LAUNCH_FAILED);
  REQUIRE(said("shared race"));
}
PROBE(race, missing_barrier_between_halves) {
  Device<std::uint16_t> x(vector<std::uint16_t>(256, 3)), o(256);
  CHECK(launch(broken("bad_missing_barrier16"), 1, 256, nullptr, x.p, o.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_LAUNCH_FAILED);
  REQUIRE(said("shared race"));
}
PROBE(race, overwritten_stage) {
  Device<float> x(counted(256)), o(256);
  CHECK(launch(kernel("matrix", "bad_overwritten_stage"), 1, 64, nullptr, x.p, o.p, 4));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_LAUNCH_FAILED);
  REQUIRE(said("shared race"));
}
// With PTX_LIMIT=0.2
PROBE(limit, endless_loop) {
  Device<int> flag(vector<int>{0});
  CHECK(launch(broken("bad_endless"), 1, 32, nullptr, flag.p));
  EXPECT(d.cuCtxSynchronize_(), CUDA_ERROR_LAUNCH_TIMEOUT);
  REQUIRE(said("PTX_LIMIT"));
}
