#include "graph/engine.h"

namespace pss {

Engine::Engine(const GraphSpec& graph, const EngineOptions& options) {
  thread_ = std::thread([this, &graph, &options] { run(graph, options); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_; });
  if (!failure_) return;
  lock.unlock();
  thread_.join();
  std::rethrow_exception(failure_);
}

Engine::~Engine() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Engine::post(std::function<void(Program&)> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void Engine::run(const GraphSpec& graph, const EngineOptions& options) {
  std::unique_ptr<Program> program;
  std::exception_ptr failure;
  try {
    program = make_program(graph, options);
  } catch (...) {
    failure = std::current_exception();
  }
  {
    // `graph` and `options` belong to the constructor, which returns after this.
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    ready_ = true;
  }
  changed_.notify_all();
  while (program) {
    std::function<void(Program&)> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
      if (stop_) break;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job(*program);
  }
}

}  // namespace pss
