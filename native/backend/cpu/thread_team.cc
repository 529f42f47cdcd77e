#include "backend/cpu/thread_team.h"

#include <immintrin.h>

#include <exception>
#include <utility>

namespace pss {

namespace {

// A share packs (generation, next task, end) into one word, so that a late thread can't take a task of a
// region it hasn't joined.
constexpr int kTaskBits = 20;
constexpr int64_t kMostTasks = (int64_t{1} << kTaskBits) - 1;
constexpr uint64_t kTaskMask = kMostTasks;
constexpr uint32_t kGenerationMask = (1u << 24) - 1;

uint64_t pack(uint32_t generation, uint64_t next, uint64_t end) {
  return uint64_t{generation & kGenerationMask} << (2 * kTaskBits) | next << kTaskBits | end;
}

// About 50 microseconds: longer than the serial work between two regions, far shorter than a scheduler's
// slice.
constexpr int kSpins = 1500;

template <typename Condition>
bool spin_until(const Condition& condition) {
  for (int i = 0; i < kSpins; i++) {
    if (condition()) return true;
    _mm_pause();
  }
  return condition();
}

thread_local int current_thread = 0;
thread_local bool inside_task = false;

}  // namespace

// The parallel region being run. Tasks are taken in groups of `grain`.
struct ThreadTeam::Region {
  struct alignas(64) Share {
    std::atomic<uint64_t> state{0};
  };
  explicit Region(int threads) : shares(threads) {}
  std::vector<Share> shares;
  alignas(64) std::atomic<uint32_t> generation{0};
  alignas(64) std::atomic<int32_t> left{0};  // groups not yet done
  Call call = nullptr;
  const void* context = nullptr;
  int64_t tasks = 0, grain = 1;
  std::atomic<bool> stop{false};
  std::atomic<bool> failed{false};
  std::exception_ptr failure;  // of the first task that threw
};

ThreadTeam::ThreadTeam(int threads)
    : threads_(std::max(1, threads)), region_(std::make_unique<Region>(threads_)) {
  for (int thread = 1; thread < threads_; thread++) workers_.emplace_back([this, thread] { work(thread); });
}

ThreadTeam::~ThreadTeam() {
  region_->stop = true;
  region_->generation++;
  region_->generation.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

int ThreadTeam::current() {
  return current_thread;
}

void ThreadTeam::execute(int64_t tasks, Call call, const void* context, bool in_order) const {
  if (threads_ == 1 || tasks <= 1 || inside_task) return call(context, 0, tasks);
  Region& region = *region_;
  region.call = call;
  region.context = context;
  region.tasks = tasks;
  region.grain = (tasks + kMostTasks - 1) / kMostTasks;
  const int64_t groups = (tasks + region.grain - 1) / region.grain;
  region.left.store(static_cast<int32_t>(groups), std::memory_order_relaxed);
  const uint32_t generation = region.generation.load(std::memory_order_relaxed) + 1;
  for (int t = 0; t < threads_; t++) {
    const uint64_t first = in_order ? (t == 0 ? 0 : groups) : groups * t / threads_;
    const uint64_t end = in_order ? groups : groups * (t + 1) / threads_;
    region.shares[t].state.store(pack(generation, first, end), std::memory_order_release);
  }
  region.generation.store(generation, std::memory_order_release);
  region.generation.notify_all();
  help(0, generation);
  const auto done = [&] { return region.left.load(std::memory_order_acquire) == 0; };
  while (!spin_until(done)) {
    const int32_t left = region.left.load(std::memory_order_acquire);
    if (left != 0) region.left.wait(left, std::memory_order_acquire);
  }
  if (!region.failed) return;
  region.failed = false;
  std::rethrow_exception(std::exchange(region.failure, nullptr));
}

void ThreadTeam::work(int thread) const {
  current_thread = thread;
  Region& region = *region_;
  uint32_t seen = 0;
  while (true) {
    const auto changed = [&] { return region.generation.load(std::memory_order_acquire) != seen; };
    while (!spin_until(changed)) region.generation.wait(seen, std::memory_order_acquire);
    if (region.stop) return;
    seen = region.generation.load(std::memory_order_acquire);
    help(thread, seen);
  }
}

void ThreadTeam::help(int thread, uint32_t generation) const {
  Region& region = *region_;
  inside_task = true;
  for (int other = 0; other < threads_; other++) {
    std::atomic<uint64_t>& state = region.shares[(thread + other) % threads_].state;
    uint64_t seen = state.load(std::memory_order_acquire);
    while (true) {
      const uint64_t next = seen >> kTaskBits & kTaskMask, end = seen & kTaskMask;
      if (seen >> (2 * kTaskBits) != (generation & kGenerationMask) || next == end) break;
      if (!state.compare_exchange_weak(seen, pack(generation, next + 1, end), std::memory_order_acq_rel))
        continue;
      // The region can't end before this group is done, so what it points to is still there.
      const int64_t first = static_cast<int64_t>(next) * region.grain;
      try {
        region.call(region.context, first, std::min(region.tasks, first + region.grain));
      } catch (...) {
        if (!region.failed.exchange(true)) region.failure = std::current_exception();
      }
      if (region.left.fetch_sub(1, std::memory_order_acq_rel) == 1) region.left.notify_one();
      seen = state.load(std::memory_order_acquire);
    }
  }
  inside_task = false;
}

}  // namespace pss
