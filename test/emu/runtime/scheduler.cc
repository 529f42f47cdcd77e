// Runs the threads of a kernel as fibers: blocks a few at a time, their threads in the order asked for.
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "internal.h"
#include "synchronisation.h"

asm(R"(
.text
.globl emu_switch_stack
.hidden emu_switch_stack
.type emu_switch_stack,@function
emu_switch_stack:
 pushq %rbp
 pushq %rbx
 pushq %r12
 pushq %r13
 pushq %r14
 pushq %r15
 movq %rsp,(%rdi)
 movq %rsi,%rsp
 popq %r15
 popq %r14
 popq %r13
 popq %r12
 popq %rbx
 popq %rbp
 ret
.size emu_switch_stack,.-emu_switch_stack
)");

namespace emu {
namespace {

constexpr u64 kPage = 4096;
constexpr u64 kStackReserve = 32 << 10;  // beside a kernel's local arrays
constexpr u32 kMostShared = 232448;

void* scheduler_stack;
Thread* starting;
Outcome outcome;
u64 clock_ticks = 0;

u64 round_up(u64 n, u64 to) {
  return (n + to - 1) / to * to;
}

// Stacks of fibers, each above a page that may not be touched; kept from launch to launch.
class Stacks {
 public:
  ~Stacks() { clear(); }
  u64 bytes() const { return bytes_; }
  char* at(size_t i) const { return stacks_[i]; }
  void prepare(size_t count, u64 bytes) {
    bytes = round_up(bytes, kPage);
    if (bytes > bytes_) {
      clear();
      bytes_ = bytes;
    }
    while (stacks_.size() < count) {
      void* p = mmap(nullptr, bytes_ + kPage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (p == MAP_FAILED)
        throw std::runtime_error("no memory for " + std::to_string(count) + " stacks of threads");
      mprotect(p, kPage, PROT_NONE);
      stacks_.push_back(static_cast<char*>(p) + kPage);
    }
  }

 private:
  void clear() {
    for (char* p : stacks_) munmap(p - kPage, bytes_ + kPage);
    stacks_.clear();
  }
  std::vector<char*> stacks_;
  u64 bytes_ = 0;
};
Stacks stacks;

class Random {
 public:
  explicit Random(u64 seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  u64 below(u64 n) {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return state_ % n;
  }
  template <class T>
  void shuffle(std::vector<T>& v, size_t n) {
    for (size_t i = n; i > 1; i--) std::swap(v[i - 1], v[below(i)]);
  }

 private:
  u64 state_;
};

void enter_thread() {
  Thread& T = *starting;
  T.launch->kernel->entry(T, T.launch->parameters);
  exit_thread(T);
}

void set_outcome(const Thread& T, Fault kind, const std::string& text, u64 address) {
  char where[256];
  const u32 *b = T.block->index, *t = T.index;
  std::snprintf(where, sizeof where, "[%s block(%u,%u,%u) thread(%u,%u,%u)] ", T.launch->kernel->name, b[0],
                b[1], b[2], t[0], t[1], t[2]);
  outcome = {kind, where + text, address};
}

// One launch: its resident blocks and the memory they stand on.
class Run {
 public:
  Run(const Kernel& kernel, const Grid& grid, const char* parameters, u32 num_loops, Counters* counters);
  void run();

 private:
  void start_block(size_t resident, u64 number);
  void run_resident(u64 count);
  void deadlock(u64 count, u64 left);
  void add_instructions(u64 count);

  const Grid& grid_;
  u32 num_loops_;
  Counters* counters_;
  u32 num_threads_, shared_bytes_, shared_room_;
  u64 num_blocks_, num_resident_;
  RuntimeOptions options_ = runtime_options();
  Random random_;
  std::vector<char> parameters_;
  Launch launch_;
  std::vector<ResidentBlock> blocks_;
  std::vector<u32> loops_;
  std::vector<u32> order_;
  std::unique_ptr<char, decltype(&std::free)> shared_{nullptr, &std::free};
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

u64 launches = 0;
// Cooperative groups find the barrier of a grid here: its size and a counter.
alignas(64) u32 grid_workspace[16];

Run::Run(const Kernel& kernel, const Grid& grid, const char* parameters, u32 num_loops, Counters* counters)
    : grid_(grid),
      num_loops_(std::max(num_loops, 1u)),
      counters_(counters),
      random_(options_.seed + ++launches * 977) {
  num_threads_ = grid.threads[0] * grid.threads[1] * grid.threads[2];
  num_blocks_ = u64{grid.blocks[0]} * grid.blocks[1] * grid.blocks[2];
  const u32 dynamic_offset =
      static_cast<u32>(round_up(kernel.static_shared_bytes, kernel.dynamic_shared_alignment));
  shared_bytes_ = dynamic_offset + grid.dynamic_bytes;
  if (shared_bytes_ > kMostShared) {
    throw std::runtime_error("too much shared memory: " + std::to_string(shared_bytes_) + " bytes");
  }
  const bool random = options_.order == ThreadOrder::kRandom;
  num_resident_ = options_.resident_blocks ? options_.resident_blocks : random ? 1 + random_.below(4) : 1;
  if (grid.cooperative || num_resident_ > num_blocks_) num_resident_ = num_blocks_;

  parameters_.assign(parameters, parameters + kernel.parameter_bytes);
  parameters_.resize(parameters_.size() + 16);
  launch_ = {&kernel, parameters_.data(), {}, {}, dynamic_offset, grid.dynamic_bytes, 0};
  std::copy_n(grid.threads, 3, launch_.block);
  std::copy_n(grid.blocks, 3, launch_.grid);
  if (grid.cooperative) {
    std::fill_n(grid_workspace, 16, 0u);
    launch_.grid_workspace = reinterpret_cast<u64>(grid_workspace);
  }

  const u32 num_warps = (num_threads_ + 31) / 32;
  stacks.prepare(num_resident_ * num_threads_,
                 std::max(options_.stack_bytes, kernel.local_bytes + kStackReserve));
  shared_room_ = static_cast<u32>(round_up(shared_bytes_, 1024)) + 1024;
  shared_.reset(static_cast<char*>(std::aligned_alloc(1024, shared_room_ * num_resident_)));
  if (counters_) loops_.resize(num_resident_ * num_threads_ * num_loops_);
  blocks_.resize(num_resident_);
  for (size_t r = 0; r < blocks_.size(); r++) {
    ResidentBlock& b = blocks_[r];
    b.own_threads.resize(num_threads_);
    b.own_warps.resize(num_warps);
    b.own_copies.resize(num_threads_);
    if (options_.check_races) b.shadow.resize(shared_room_ / 2);
    b.threads = b.own_threads.data(), b.warps = b.own_warps.data();
    b.num_threads = num_threads_, b.num_warps = num_warps;
    for (u32 w = 0; w < num_warps; w++) b.warps[w].slot = static_cast<u32>(r) * num_warps + w;
  }
  order_.resize(num_resident_ * num_threads_);
  for (u32 i = 0; i < order_.size(); i++) order_[i] = i;
  start_counting(counters_, num_resident_ * num_warps);
  if (counters_) {
    counters_->launches++, counters_->blocks += num_blocks_, counters_->threads += num_blocks_ * num_threads_;
    counters_->block_threads = std::max<u64>(counters_->block_threads, num_threads_);
    counters_->dynamic_shared_bytes = std::max<u64>(counters_->dynamic_shared_bytes, grid.dynamic_bytes);
  }
}

void Run::start_block(size_t r, u64 number) {
  ResidentBlock& b = blocks_[r];
  b.index[0] = static_cast<u32>(number % grid_.blocks[0]);
  b.index[1] = static_cast<u32>(number / grid_.blocks[0] % grid_.blocks[1]);
  b.index[2] = static_cast<u32>(number / grid_.blocks[0] / grid_.blocks[1]);
  b.alive = num_threads_, b.epoch = 0;
  std::fill_n(b.barriers, 16, Barrier{});
  std::fill(b.shadow.begin(), b.shadow.end(), Shadow{});
  for (u32 w = 0; w < b.num_warps; w++)
    b.warps[w].exists = b.warps[w].exited = b.warps[w].waiting = b.warps[w].epoch = 0;
  char* shared = shared_.get() + r * shared_room_;
  std::memset(shared, 0xff, shared_room_);  // uninitialised floats are NaN
  for (u32 i = 0; i < num_threads_; i++) {
    Thread& t = b.threads[i];
    const size_t slot = r * num_threads_ + i;
    t = {};
    t.index[0] = i % grid_.threads[0];
    t.index[1] = i / grid_.threads[0] % grid_.threads[1];
    t.index[2] = i / grid_.threads[0] / grid_.threads[1];
    t.linear = i, t.lane = i & 31;
    t.warp = &b.warps[i / 32], t.block = &b, t.launch = &launch_;
    t.warp->exists |= 1u << t.lane, t.warp->threads[t.lane] = &t;
    t.shared = shared, t.shared_bytes = shared_bytes_;
    t.stack = stacks.at(slot), t.stack_bytes = stacks.bytes();
    t.recent = recent_regions();
    t.check_races = options_.check_races;
    t.copies = &b.own_copies[i];
    *t.copies = {};
    t.barrier = -1, t.waits_at = "";
    if (counters_) {
      t.loops = &loops_[slot * num_loops_];
      std::fill_n(t.loops, num_loops_, 0u);
    }
    // The frame that emu_switch_stack returns through: six saved registers, then where to go.
    void** top = reinterpret_cast<void**>(t.stack + t.stack_bytes - 64);
    *--top = nullptr;
    *--top = reinterpret_cast<void*>(&enter_thread);
    for (int saved = 0; saved < 6; saved++) *--top = nullptr;
    t.stack_pointer = top;
  }
}

void Run::deadlock(u64 count, u64 left) {
  std::string text = std::string("deadlock in ") + launch_.kernel->name + ": ";
  int shown = 0;
  for (u64 r = 0; r < count; r++) {
    for (const Thread& t : blocks_[r].own_threads) {
      if (t.done || shown++ >= 6) continue;
      text += "thread " + std::to_string(t.linear) + " at " + t.waits_at +
              (t.barrier >= 0 ? " " + std::to_string(t.barrier) : "") + "; ";
    }
  }
  outcome = {Fault::kDeadlock, text + std::to_string(left) + " threads wait for ever", 0};
}

void Run::run_resident(u64 count) {
  const u64 total = count * num_threads_;
  u64 left = total;
  std::sort(order_.begin(), order_.end());
  while (left) {
    bool progress = false;
    if (options_.order == ThreadOrder::kRandom) random_.shuffle(order_, total);
    for (u64 k = 0; k < total; k++) {
      const u64 i = options_.order == ThreadOrder::kReverse ? total - 1 - k : order_[k];
      Thread& t = blocks_[i / num_threads_].threads[i % num_threads_];
      if (t.done || t.blocked) continue;
      progress = true;
      starting = &t;
      emu_switch_stack(&scheduler_stack, t.stack_pointer);
      if (outcome.fault != Fault::kNone) return;
      left -= t.done;
    }
    if (!progress) return deadlock(count, left);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began_;
    if (options_.limit_seconds > 0 && spent.count() > options_.limit_seconds) {
      outcome = {Fault::kTimeout, std::string(launch_.kernel->name) + " runs longer than PTX_LIMIT seconds",
                 0};
      return;
    }
  }
}

void Run::add_instructions(u64 count) {
  for (u64 r = 0; r < count; r++) {
    for (u32 first = 0; first < num_threads_; first += 32) {
      u64 most = 0;
      for (u32 i = first; i < std::min(num_threads_, first + 32); i++) {
        const Thread& t = blocks_[r].threads[i];
        const u64 n = t.instructions;
        counters_->thread_instructions += n;
        for (int unit = 0; unit < kFlopUnits; unit++) counters_->flops[unit] += t.flops[unit];
        most = std::max(most, n);
      }
      counters_->warp_instructions += most;
    }
  }
}

void Run::run() {
  std::vector<u64> numbers;
  const bool random = options_.order == ThreadOrder::kRandom;
  if (random) {
    numbers.resize(num_blocks_);
    for (u64 i = 0; i < num_blocks_; i++) numbers[i] = i;
    random_.shuffle(numbers, num_blocks_);
  }
  for (u64 first = 0; first < num_blocks_ && outcome.fault == Fault::kNone; first += num_resident_) {
    const u64 count = std::min(num_resident_, num_blocks_ - first);
    for (u64 r = 0; r < count; r++) {
      const u64 i = first + r;
      start_block(r, random ? numbers[i] : options_.order == ThreadOrder::kReverse ? num_blocks_ - 1 - i : i);
    }
    run_resident(count);
    if (counters_) add_instructions(count);
  }
}

}  // namespace

RuntimeOptions& runtime_options() {
  static RuntimeOptions options;
  return options;
}

Outcome run_kernel(const Kernel& kernel, const Grid& grid, const char* parameters, u32 num_loops,
                   Counters* counters) {
  outcome = {};
  try {
    Run(kernel, grid, parameters, num_loops, counters).run();
  } catch (const std::exception& e) {
    outcome = {Fault::kInvalidLaunch, std::string(kernel.name) + ": " + e.what(), 0};
  }
  return outcome;
}

void yield(Thread& T) {
  emu_switch_stack(&T.stack_pointer, scheduler_stack);
}

void exit_thread(Thread& T) {
  T.done = true;
  Block& block = *T.block;
  Warp& warp = *T.warp;
  async_wait_all(T);
  block.alive--;
  warp.exited |= 1u << T.lane;
  if (warp.exited == warp.exists) flush_counters(warp);
  for (u32 id = 0; id < 16; id++) {
    if (block.barriers[id].waiting) try_barrier(block, id);
  }
  for (int lane = 0; lane < 32; lane++) {  // those that waited for this lane look again
    if (warp.waiting >> lane & 1) warp.threads[lane]->blocked = false;
  }
  yield(T);
  std::abort();
}

void fail(Thread& T, Fault kind, const char* text, u64 address) {
  set_outcome(T, kind, text, address);
  yield(T);
  std::abort();
}

void fail_format(Thread& T, Fault kind, u64 address, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fail(T, kind, text, address);
}

EMU_EXPORT u64 tick() {
  return clock_ticks += 16;
}

}  // namespace emu
