// The engine's threads. Work is always cut into tasks by shapes alone, never by the number of threads, and
// each task writes its own outputs: so results are the same bits on any number of threads.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace pss {

class ThreadTeam {
 public:
  explicit ThreadTeam(int threads) : threads_(std::max(1, threads)) {}

  int threads() const { return threads_; }
  // Which of the team's threads runs the calling task, for scratch memory a thread can call its own.
  static int current() { return omp_get_thread_num(); }

  // Runs body(task) for task in [0, tasks), each once; neighbouring tasks tend to share a thread.
  template <typename Body>
  void run(int64_t tasks, const Body& body) const {
    if (tasks == 1) return body(0);
    // Without at least two threads this is a plain loop, which also keeps libraries called inside from
    // starting teams of their own.
#pragma omp parallel for schedule(static) num_threads(threads_) if (threads_ > 1)
    for (int64_t task = 0; task < tasks; task++) body(task);
  }

  // The same for tasks of unequal cost.
  template <typename Body>
  void run_dynamic(int64_t tasks, const Body& body) const {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_) if (threads_ > 1)
    for (int64_t task = 0; task < tasks; task++) body(task);
  }

  // Blocks of `block` consecutive items: body(first, last).
  template <typename Body>
  void run_blocks(int64_t items, int64_t block, const Body& body) const {
    run((items + block - 1) / block,
        [&](int64_t task) { body(task * block, std::min(items, (task + 1) * block)); });
  }

 private:
  int threads_;
};

}  // namespace pss
