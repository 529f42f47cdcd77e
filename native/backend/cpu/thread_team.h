// The engine's threads. Work is always cut into tasks by shapes alone, never by the number of threads, and
// each task writes its own outputs: so results are the same bits on any number of threads, whichever thread
// runs which task.
//
// Why not an OpenMP team: a step has some forty parallel regions, and on a machine that others use too a
// region that waits for one descheduled thread, spinning, cost a hundred times the work in it. Here threads
// take tasks from each other, nobody waits for a thread that has none, and whoever waits for long sleeps,
// which hands its core to the one waited for.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace pss {

class ThreadTeam {
 public:
  // The calling thread is one of the `threads`.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int threads() const { return threads_; }
  // Which of the team's threads runs the calling task, for scratch memory a thread can call its own.
  static int current();

  // Runs body(task) for task in [0, tasks), each once; returns when all are done. Neighbouring tasks tend to
  // share a thread. Called from within a task it is a plain loop. Bodies must not throw.
  template <typename Body>
  void run(int64_t tasks, const Body& body) const {
    const auto call = [](const void* context, int64_t first, int64_t last) {
      for (int64_t task = first; task < last; task++) (*static_cast<const Body*>(context))(task);
    };
    execute(tasks, call, &body);
  }

  // Blocks of `block` consecutive items: body(first, last).
  template <typename Body>
  void run_blocks(int64_t items, int64_t block, const Body& body) const {
    run((items + block - 1) / block,
        [&](int64_t task) { body(task * block, std::min(items, (task + 1) * block)); });
  }

 private:
  using Call = void (*)(const void* context, int64_t first, int64_t last);
  struct Region;
  void execute(int64_t tasks, Call call, const void* context) const;
  void work(int thread) const;
  // Runs tasks of region `generation` until none is left, a thread's own share first.
  void help(int thread, uint32_t generation) const;

  int threads_;
  std::unique_ptr<Region> region_;
  std::vector<std::thread> workers_;
};

}  // namespace pss
