// Promises over an engine thread: a job is queued on the main thread, runs on the engine's, and settles its
// promise back on the main thread. Until then it pins the engine's JavaScript object and the arrays it reads.
#pragma once

#include <napi.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/engine.h"

namespace pss {

// Makes a promise's value on the main thread; `held` has what the job pinned, under the indices of `pins`.
// Empty means undefined.
using MakeValue = std::function<Napi::Value(Napi::Env, Napi::Object held)>;

class JobQueue {
 public:
  using Work = std::function<MakeValue(Program&)>;

  // Builds the engine; throws what Program throws.
  JobQueue(Napi::Env env, const GraphSpec& graph, const EngineOptions& options);
  // Lets the running step end, drops the other jobs, joins the thread.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // Queues `work`; the promise rejects with the code of a pss::Error. Exclusive work rejects with ERR_BUSY
  // while other exclusive work is in flight; all work rejects with ERR_DISPOSED after dispose.
  Napi::Value post(const Napi::Value& owner, const std::vector<Napi::Value>& pins, bool exclusive, Work work);
  // Settles after all earlier work, with the engine gone. A second call gives the first one's promise.
  Napi::Value dispose(const Napi::Value& owner);
  // Runs `job` and waits for it.
  void run_now(const std::function<void(Program&)>& job);
  // Set when the engine is being torn down: long jobs should end early.
  const std::atomic<bool>& stop() const { return engine_->stop(); }
  bool disposed() const { return disposed_ || !engine_; }

 private:
  struct Pending {
    Napi::Promise::Deferred deferred;
    Napi::ObjectReference held;
    bool exclusive;
  };
  // What a finished job leaves for the main thread.
  struct Completion {
    uint64_t job;
    std::string error_code, error_message;
    MakeValue value;
  };
  static void settle(napi_env env, napi_value, void* context, void* data);
  static void stop_at_exit(void* data);
  void shut_down();

  Napi::Env env_;
  std::unique_ptr<Engine> engine_;
  napi_threadsafe_function settle_ = nullptr;
  std::map<uint64_t, Pending> pending_;
  uint64_t next_job_ = 1;
  bool busy_ = false;
  bool disposed_ = false;
  Napi::ObjectReference disposal_;  // the promise of the first dispose()
  int64_t held_bytes_ = 0;
};

}  // namespace pss
