// One thread that owns a Program and runs jobs in order, with a team of threads of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "graph/program.h"

namespace pss {

class Engine {
 public:
  // Compiles on the engine thread and waits for it; throws what Program throws.
  Engine(const GraphSpec& graph, const EngineOptions& options);
  // Sets stop, lets the running job end at its next step, drops the others, frees the program, joins the
  // thread.
  ~Engine();

  // Runs `job` on the engine thread after all earlier ones.
  void post(std::function<void(Program&)> job);
  const std::atomic<bool>& stop() const { return stop_; }

 private:
  void run(const GraphSpec& graph, const EngineOptions& options);
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void(Program&)>> jobs_;
  std::atomic<bool> stop_{false};
  bool ready_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace pss
